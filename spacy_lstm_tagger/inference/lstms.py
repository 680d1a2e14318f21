"""What the tagging network needs of LSTMs that read many windows at once, and the order in which they read.

There are two kinds: `stepped_lstms` takes steps in torch's operations, `fused_lstms` leaves them to oneDNN, which takes
less time on a processor with AMX.
"""

from typing import List, NamedTuple, Protocol, TypeVar

import numpy
from torch import Tensor

# In bfloat16, oneDNN keeps a third of a megabyte for each size of a product, and torch as much, for up to 1,024 sizes.
# So products have few sizes: their rows are padded to a multiple of this.
ROWS_PER_PRODUCT_BLOCK = 16
# How many rows go through a product at once: the result stays in the processor's cache until it is read.
ROWS_PER_PRODUCT = 128


class Cells(NamedTuple):
    """The order in which the steps of an LSTM read windows: first words of some windows, then the words after them, and
    so on. A cell is one window's place in one step.

    tokens (numpy.ndarray): For each cell its word, or -1 if it is padding. int64, shape (n_cells,).
    positions (numpy.ndarray): The word's position in its window. int64, same shape.
    mirror (numpy.ndarray): For each cell the one that is as far from the window's other end: where an LSTM that reads
        rightwards is at a cell, one that reads leftwards is at this. int64, same shape.
    sizes (List[int]): The number of cells of each step.
    """

    tokens: numpy.ndarray
    positions: numpy.ndarray
    mirror: numpy.ndarray
    sizes: List[int]


class Layout(Protocol):
    """The cells, and whatever else a kind of LSTMs needs to read them."""

    @property
    def cells(self) -> Cells:
        """RETURNS (Cells): The cells."""


OwnLayout = TypeVar("OwnLayout", bound=Layout)


class LSTMs(Protocol[OwnLayout]):
    """The LSTMs of one layer: for each member of the network one that reads rightwards and, if the network is
    bidirectional, one that reads leftwards. Layers of one network use each other's layouts.
    """

    def lay_out(self, starts: numpy.ndarray, lengths: numpy.ndarray) -> OwnLayout:
        """Put windows into cells.

        starts (numpy.ndarray): Each window's first word. int64, shape (n_windows,).
        lengths (numpy.ndarray): The windows' lengths, the longest first, all above 0. int64, same shape.
        RETURNS (Layout): The layout.
        """

    def project_words(self, words: Tensor) -> Tensor:
        """Project the vectors of words as far as the LSTMs' input projection does not depend on the context.

        *Shape:* ``words (n_words, n_members, width)``, result ``(1 + n_words, any, any)``. The first row is that of
        padding.
        """

    def read_words(self, projections: Tensor, rows: numpy.ndarray, layout: OwnLayout) -> Tensor:
        """Read windows of words.

        :param projections: what :meth:`project_words` returned.
        :param rows: for each word its row there, and at the end 0, that of padding. *Shape:* ``(n_words + 1,)``, int64
        :returns: the hidden states at each cell, member by member, rightwards before leftwards.
            *Shape:* ``(n_cells, n_members * n_directions * hidden_width)``
        """

    def read_states(self, hidden: Tensor, layout: OwnLayout) -> Tensor:
        """Read the hidden states of the layer below.

        *Shape:* ``hidden (n_cells, n_members, width)``, result as that of :meth:`read_words`
        """
