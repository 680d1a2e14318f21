"""What is known of words without their context: computed once for each word, and kept between batches."""

from threading import Lock
from typing import Callable, NamedTuple, Optional, Tuple

import numpy
from torch import Tensor

# It takes less time to look up so many words than to find which of them are the same.
FEW = 256


class WordTable(NamedTuple):
    """What is known of words without their context. The first row is that of padding: of no word.

    *Shape:* ``inputs (n_rows, any, any)``, what the first layer's LSTMs read; ``scores (n_rows, n_labels)`` and ``late
    (n_rows, n_labels)``, the word's part in the logits; ``vectors (n_rows, n_members, width)``, of width 0 unless the
    first layer is residual; ``convolved (n_rows, 3, n_members * convolution_width)``, the word's part in the
    convolutions of the word after it, of itself, and of the word before it.
    """

    inputs: Tensor
    scores: Tensor
    late: Tensor
    vectors: Tensor
    convolved: Tensor


Encode = Callable[[numpy.ndarray], WordTable]


class Table(NamedTuple):
    """A table of bounded size, the first rows of which are in use.

    known (numpy.ndarray): The hashes of its words, sorted. uint64, shape (n_known,).
    rows (numpy.ndarray): The row of each. int64, same shape.
    words (WordTable): The table. Its first row is that of no word.
    """

    known: numpy.ndarray
    rows: numpy.ndarray
    words: WordTable

    def find(self, words: numpy.ndarray) -> Tuple[numpy.ndarray, numpy.ndarray]:
        """RETURNS (Tuple[numpy.ndarray, numpy.ndarray]): Each word's row, and whether it has one."""
        places = numpy.minimum(numpy.searchsorted(self.known, words), len(self.known) - 1)
        return self.rows[places], self.known[places] == words


class TypeCache:
    """A table of words, found by their hashes, of bounded size. Threads can share it.

    When the table is full, a new one is begun: what is frequent soon comes back.
    """

    def __init__(self, size: int) -> None:
        """:param size: the most words that are kept; 0 keeps none."""
        self._size = size
        self._lock = Lock()
        self._table: Optional[Table] = None

    def get(self, words: numpy.ndarray, encode: Encode) -> Tuple[WordTable, numpy.ndarray]:
        """Find words, encoding those that are new.

        :param words: hashes, at least one. *Shape:* ``(n_words,)``, uint64
        :param encode: computes the table of distinct words, with a row for no word, and then one for each.
        :returns: a table, and each word's row in it. The first row is that of no word. *Shape:* ``(n_words,)``, int64
        """
        table = self._table
        if table is not None and len(words) <= FEW:
            rows, are_known = table.find(words)
            if are_known.all():
                return table.words, rows
        distinct, places = numpy.unique(words, return_inverse=True)
        if len(distinct) > self._size:
            return encode(distinct), 1 + places
        if table is None or not table.find(distinct)[1].all():
            table = self._add(distinct, encode)
        return table.words, table.find(distinct)[0][places]

    def _add(self, words: numpy.ndarray, encode: Encode) -> Table:
        with self._lock:
            table = self._table
            new = words if table is None else words[~table.find(words)[1]]
            if table is not None and not len(new):  # another thread was faster
                return table
            if table is None or len(table.known) + len(new) > self._size:
                # Other threads may still be reading the old table, so it is left to them.
                new = words
                encoded = encode(new)
                empty = WordTable(*(part.new_empty((1 + self._size, *part.shape[1:])) for part in encoded))
                table = Table(new[:0], numpy.arange(0), empty)
                for part, added in zip(empty, encoded):
                    part[0] = added[0]
            else:
                encoded = encode(new)
            rows = numpy.arange(1 + len(table.known), 1 + len(table.known) + len(new))
            for part, added in zip(table.words, encoded):
                part[rows[0] : rows[-1] + 1] = added[1:]
            # Rows are made known only now that they are filled.
            known = numpy.concatenate([table.known, new])
            order = known.argsort(kind="stable")
            self._table = Table(known[order], numpy.concatenate([table.rows, rows])[order], table.words)
            return self._table
