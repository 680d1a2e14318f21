import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_lstm_tagger.inference.fused_lstms import FusedLSTMs
from spacy_lstm_tagger.inference.stepped_lstms import ROWS_PER_BLOCK, SteppedLSTMs


def make(kind, precision=torch.float32):
    return kind([[torch.nn.LSTM(3, 2), torch.nn.LSTM(3, 2)]], precision)


WAYS = [(SteppedLSTMs, torch.float32), (SteppedLSTMs, torch.bfloat16), (FusedLSTMs, torch.bfloat16)]


@pytest.mark.parametrize("kind, precision", WAYS)
@given(lengths=st.lists(st.integers(1, 12), min_size=1, max_size=60))
def test_layout_has_each_word_once_and_in_order(kind, precision, lengths):
    lengths = numpy.asarray(sorted(lengths, reverse=True))
    starts = numpy.cumsum(lengths) - lengths
    cells = make(kind, precision).lay_out(starts, lengths).cells
    assert sum(cells.sizes) == len(cells.tokens) == len(cells.mirror)
    assert cells.sizes == sorted(cells.sizes, reverse=True)
    assert all(size % ROWS_PER_BLOCK[precision] == 0 for size in cells.sizes)
    words = numpy.flatnonzero(cells.tokens >= 0)
    assert sorted(cells.tokens[words]) == list(range(lengths.sum()))
    # shape: (n_cells,)
    step = numpy.repeat(numpy.arange(len(cells.sizes)), cells.sizes)
    column = numpy.arange(len(step)) - numpy.repeat(numpy.cumsum(cells.sizes) - cells.sizes, cells.sizes)
    in_order = words[numpy.argsort(cells.tokens[words])]
    for window in numpy.split(in_order, starts[1:]):
        assert len(set(column[window])) == 1
        assert (numpy.diff(step[window]) == 1).all()
        assert cells.positions[window].tolist() == list(range(len(window)))
        assert cells.mirror[window].tolist() == window[::-1].tolist()
    # There and back again, wherever padding stands.
    numpy.testing.assert_array_equal(cells.mirror[cells.mirror], numpy.arange(len(cells.mirror)))


def test_steps_of_windows_of_similar_length_need_no_padding():
    lengths = numpy.asarray([5] * 4 + [3] * 4)
    assert (make(SteppedLSTMs).lay_out(numpy.cumsum(lengths) - lengths, lengths).cells.tokens >= 0).all()


def test_rows_of_windows_are_filled_and_of_few_sizes():
    draw = numpy.random.RandomState(0)
    lstms, sizes = make(FusedLSTMs), set()
    for _ in range(100):
        lengths = -numpy.sort(-draw.geometric(0.08, 1000).clip(max=128))
        cells = lstms.lay_out(numpy.cumsum(lengths) - lengths, lengths).cells
        assert len(cells.tokens) < 1.3 * lengths.sum()
        sizes.add((len(cells.sizes), cells.sizes[0]))
    assert len(sizes) <= 16
