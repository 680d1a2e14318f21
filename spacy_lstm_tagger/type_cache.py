"""What was computed of words that were met before, so that tagging does it once per word and not in every batch."""

from threading import Lock
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy

from .inference import WordTable

Encode = Callable[[List[int]], WordTable]


class Table(NamedTuple):
    """A table of bounded size, of which as many rows are in use as ``rows`` has words."""

    rows: Dict[int, int]
    words: WordTable


class TypeCache:
    """A table of words, found by their hashes, of bounded size. Threads can share it.

    When the table is full, a new one is begun: what is frequent soon comes back.
    """

    def __init__(self, size: int) -> None:
        """:param size: the most words that are kept; 0 keeps none."""
        self._size = size
        self._lock = Lock()
        self._table: Optional[Table] = None

    def get(self, words: List[int], encode: Encode) -> Tuple[WordTable, numpy.ndarray]:
        """Find words, encoding those that are new.

        :param words: distinct hashes.
        :param encode: computes the table of words, with a row for each.
        :returns: a table, and each word's row in it. *Shape:* ``(n_words,)``, int64
        """
        if len(words) > self._size:
            return encode(words), numpy.arange(len(words))
        table = self._table
        if table is None or not table.rows.keys() >= set(words):
            table = self._add(words, encode)
        return table.words, numpy.asarray([table.rows[word] for word in words])

    def _add(self, words: List[int], encode: Encode) -> Table:
        with self._lock:
            table = self._table
            new = words if table is None else [word for word in words if word not in table.rows]
            if table is None or len(table.rows) + len(new) > self._size:
                # Other threads may still be reading the old table, so it is left to them.
                new = words
                encoded = encode(new)
                table = Table({}, WordTable(*(part.new_empty((self._size, *part.shape[1:])) for part in encoded)))
            elif new:
                encoded = encode(new)
            else:  # another thread was faster
                return table
            rows = range(len(table.rows), len(table.rows) + len(new))
            for known, added in zip(table.words, encoded):
                known[rows.start : rows.stop] = added
            # Rows are made known only now that they are filled.
            table.rows.update(zip(new, rows))
            self._table = table
            return table
