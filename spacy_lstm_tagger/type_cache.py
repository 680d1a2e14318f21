"""Vectors of words that were met before, so that tagging encodes each word once and not in every batch."""

from threading import Lock
from typing import Callable, Dict, Hashable, List, NamedTuple, Tuple

import torch
from torch import Tensor


class Table(NamedTuple):
    """Word vectors, valid for one version of the weights.

    *Shape:* ``vectors (size, width)``, of which as many rows are in use as ``rows`` has words.
    """

    version: Hashable
    rows: Dict[int, int]
    vectors: Tensor


class TypeCache:
    """Word vectors by the words' hashes, in a table of bounded size that threads can share.

    When the table is full, a new one is begun: what is frequent soon comes back.
    """

    def __init__(self, size: int) -> None:
        """:param size: the most words that are kept; 0 keeps none."""
        self._size = size
        self._lock = Lock()
        self._table = Table(None, {}, torch.empty(0, 0))

    def get(self, words: List[int], version: Hashable, encode: Callable[[List[int]], Tensor]) -> Tensor:
        """Find the vectors of words, encoding those that are new.

        :param words: distinct hashes.
        :param version: of the weights; vectors of another version are forgotten.
        :param encode: gives the vectors of words. *Shape:* ``(n_words, width)``
        :returns: *Shape:* ``(n_words, width)``
        """
        if len(words) > self._size:
            return encode(words)
        table = self._table
        if table.version != version or not table.rows.keys() >= set(words):
            table = self._add(words, version, encode)
        return table.vectors[torch.tensor([table.rows[word] for word in words], device=table.vectors.device)]

    def _add(self, words: List[int], version: Hashable, encode: Callable[[List[int]], Tensor]) -> Table:
        with self._lock:
            table = self._table
            new = [word for word in words if word not in table.rows]
            if table.version != version or len(table.rows) + len(new) > self._size:
                # Other threads may still be reading the old table, so it is left to them.
                encoded = encode(words)
                table = Table(version, {}, encoded.new_empty((self._size, encoded.shape[1])))
                new = words
            else:
                encoded = encode(new) if new else table.vectors[:0]
            rows = range(len(table.rows), len(table.rows) + len(new))
            table.vectors[rows.start : rows.stop] = encoded
            # Rows are made known only now that their vectors are there.
            table.rows.update(zip(new, rows))
            self._table = table
            return table

    def __reduce__(self) -> Tuple[type, Tuple[int]]:
        """Copies begin empty."""
        return TypeCache, (self._size,)
