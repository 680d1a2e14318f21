import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_lstm_tagger.inference.fused_lstms import FusedLSTMs
from spacy_lstm_tagger.inference.stepped_lstms import ROWS_PER_BLOCK, SteppedLSTMs


def make(kind, precision=torch.float32):
    return kind([torch.nn.LSTM(3, 2), torch.nn.LSTM(3, 2)], precision, reads_states=False)


WAYS = [(SteppedLSTMs, torch.float32), (SteppedLSTMs, torch.bfloat16), (FusedLSTMs, torch.bfloat16)]


@pytest.mark.parametrize("kind, precision", WAYS)
@given(lengths=st.lists(st.integers(1, 12), min_size=1, max_size=60))
def test_layout_has_each_word_once_and_in_order(kind, precision, lengths):
    lengths = numpy.asarray(sorted(lengths, reverse=True))
    starts = numpy.cumsum(lengths) - lengths
    layout = make(kind, precision).lay_out(starts, lengths)
    assert sum(layout.sizes) == len(layout.tokens) == len(layout.mirror)
    assert layout.sizes == sorted(layout.sizes, reverse=True)
    assert all(size % ROWS_PER_BLOCK[precision] == 0 for size in layout.sizes)
    words = numpy.flatnonzero(layout.tokens >= 0)
    assert sorted(layout.tokens[words]) == list(range(lengths.sum()))
    # shape: (n_cells,)
    step = numpy.repeat(numpy.arange(len(layout.sizes)), layout.sizes)
    column = numpy.arange(len(step)) - numpy.repeat(numpy.cumsum(layout.sizes) - layout.sizes, layout.sizes)
    cells = words[numpy.argsort(layout.tokens[words])]
    for window in numpy.split(cells, starts[1:]):
        assert len(set(column[window])) == 1
        assert (numpy.diff(step[window]) == 1).all()
        assert layout.positions[window].tolist() == list(range(len(window)))
        assert layout.mirror[window].tolist() == window[::-1].tolist()
    # There and back again, wherever padding stands.
    numpy.testing.assert_array_equal(layout.mirror[layout.mirror], numpy.arange(len(layout.mirror)))


def test_steps_of_windows_of_similar_length_need_no_padding():
    lengths = numpy.asarray([5] * 4 + [3] * 4)
    assert (make(SteppedLSTMs).lay_out(numpy.cumsum(lengths) - lengths, lengths).tokens >= 0).all()


def test_rows_of_windows_are_filled_and_of_few_sizes():
    draw = numpy.random.RandomState(0)
    lstms, sizes = make(FusedLSTMs), set()
    for _ in range(100):
        lengths = -numpy.sort(-draw.geometric(0.08, 1000).clip(max=128))
        layout = lstms.lay_out(numpy.cumsum(lengths) - lengths, lengths)
        assert len(layout.tokens) < 1.3 * lengths.sum()
        sizes.add((len(layout.sizes), layout.sizes[0]))
    assert len(sizes) <= 16
