"""What the network needs of LSTMs that read many windows at once. Two kinds of them follow: `stepped_lstms` takes their
steps in torch's operations, `fused_lstms` leaves the steps to oneDNN, which takes less time on a processor with AMX.
"""

from abc import ABC, abstractmethod
from typing import List, NamedTuple, Optional, Sequence

import numpy
import torch
from torch import Tensor, nn

# In bfloat16, oneDNN keeps a third of a megabyte for each size of a product, and torch as much, for up to 1,024 sizes.
# So products have few sizes: their rows are padded to a multiple of this.
ROWS_PER_PRODUCT_BLOCK = 16
# How many rows go through a product at once: the result stays in the processor's cache until it is read.
ROWS_PER_PRODUCT = 128


class Layout(NamedTuple):
    """The order in which LSTM steps read the words of windows: some words of different windows in the first step, those
    after them in the second, and so on.

    tokens (numpy.ndarray): For each cell the word that is read there, or -1 if the cell only fills a step. int64, shape
        (n_cells,).
    positions (numpy.ndarray): Which word of its window that is. int64, same shape.
    mirror (numpy.ndarray): For each cell the one that is as far from the other end of the window. int64, same shape.
    sizes (List[int]): How many cells each step reads.
    """

    tokens: numpy.ndarray
    positions: numpy.ndarray
    mirror: numpy.ndarray
    sizes: List[int]

    def find_states(self, cells: numpy.ndarray) -> numpy.ndarray:
        """Find the states that LSTMs have after reading cells among those that they return.

        cells (numpy.ndarray): For each LSTM the cells. int64, shape (n_lstms, n).
        RETURNS (numpy.ndarray): The rows. int64, same shape.
        """
        sizes = numpy.asarray(self.sizes)
        first = numpy.repeat(numpy.cumsum(sizes) - sizes, sizes)[cells]
        lstms = numpy.arange(len(cells))[:, None]
        return first * len(cells) + lstms * numpy.repeat(sizes, sizes)[cells] + cells - first


class Selection(NamedTuple):
    """States of the layer below that LSTMs read.

    rows (Tensor): For each LSTM and cell, at times without cells that only fill a step, the row of these states. Shape
        (n_lstms, n_rows).
    sizes (List[int]): How many of the rows are those of each step.
    ends (Optional[Tensor]): Columns that are added to the states, to tell which are not of a word. Shape (n_states,
        any).
    """

    rows: Tensor
    sizes: List[int]
    ends: Optional[Tensor] = None


class LSTMs(ABC):
    """LSTMs that read the same windows: those of a layer, in both directions and in all members."""

    @abstractmethod
    def __init__(self, lstms: Sequence[nn.LSTM], precision: torch.dtype, *, reads_states: bool) -> None:
        """Take over weights.

        :param lstms: of the same sizes.
        :param precision: in which they compute.
        :param reads_states: whether they read states of other such LSTMs.
        """

    @abstractmethod
    def lay_out(self, starts: numpy.ndarray, lengths: numpy.ndarray) -> Layout:
        """Lay out windows.

        starts (numpy.ndarray): Each window's first word. int64, shape (n_windows,).
        lengths (numpy.ndarray): The windows' lengths, the longest first, all above 0. int64, same shape.
        RETURNS (Layout): The cells.
        """

    @abstractmethod
    def order(self, layout: Layout) -> numpy.ndarray:
        """Find the order in which these LSTMs read the cells of a layout.

        RETURNS (numpy.ndarray): Each cell of each LSTM, as the LSTM times the number of cells plus the cell. int64,
            shape (n_lstms * n_cells,).
        """

    @abstractmethod
    def weigh_words(self, words: Tensor) -> Tensor:
        """Compute what these LSTMs need of words.

        *Shape:* ``words (n_words, n_members, width)``, result ``(n_words, n, any)``, for LSTM ``i`` of ``n_lstms`` in
        the place ``i * n // n_lstms``
        """

    @abstractmethod
    def weigh_nothing(self, like: Tensor) -> Tensor:
        """RETURNS (Tensor): What stands in a cell without a word. Shape and kind as one row of what
        :meth:`weigh_words` returned."""

    @abstractmethod
    def read_words(self, words: Tensor, places: Tensor, layout: Layout) -> Tensor:
        """Read words.

        :param words: what :meth:`weigh_words` returned. *Shape:* ``(n_words * n, any)``
        :param places: for each LSTM and cell, in their :meth:`order`, the row there. *Shape:* ``(n_lstms * n_cells,)``
        :returns: the states, step by step and in each step LSTM by LSTM. *Shape:* ``(n_cells * n_lstms, units)``
        """

    @abstractmethod
    def choose_states(self, places: numpy.ndarray, layout: Layout) -> Selection:
        """Prepare to read states of the layer below.

        places (numpy.ndarray): For each LSTM and cell a row of these states. int64, shape (n_lstms, n_cells).
        layout (Layout): The layout.
        RETURNS (Selection): What :meth:`read_states` needs.
        """

    @abstractmethod
    def read_states(self, states: Tensor, selection: Selection, layout: Layout) -> Tensor:
        """Read states of the layer below.

        :param states: those of all its LSTMs. *Shape:* ``(n_cells * n_members, n_directions * units)``
        :param selection: what :meth:`choose_states` returned.
        :returns: as in :meth:`read_words`.
        """

    @staticmethod
    @abstractmethod
    def as_states(columns: Tensor, hidden_width: int) -> Tensor:
        """Arrange what states are multiplied with, or added to, as these LSTMs arrange states.

        *Shape:* ``columns (…, n * hidden_width)``, result ``(…, n * units)``
        """
