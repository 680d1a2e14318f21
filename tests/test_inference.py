import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from spacy_lstm_tagger.inference import ROWS_PER_BLOCK, TaggingNetwork, lay_out

from .test_network import OPTIONS, RICH, make, make_types

LENGTHS = numpy.asarray([9, 9, 8, 7, 5, 5, 4, 2, 2, 1, 1])


def score(network, types, tokens, lengths, precision=torch.float32):
    """Scores of the tokens of windows that stand one after another, the longest first."""
    layout = lay_out(numpy.cumsum(lengths) - lengths, lengths, ROWS_PER_BLOCK[precision])
    with torch.no_grad():
        tagging = TaggingNetwork(network, precision)
        wanted = numpy.flatnonzero(~layout.is_padding)
        scores = tagging.score(tagging.encode(types), tokens.numpy(), layout, wanted)
    assert scores.dtype == torch.float32
    in_order = torch.empty(len(tokens), scores.shape[1])
    in_order[layout.tokens[wanted]] = scores
    return in_order


@pytest.mark.parametrize("sizes", [*OPTIONS, {**RICH, "hidden_width": 16, "mix_width": 32}])
def test_equals_network(sizes):
    network, types = make(sizes), make_types(sizes)
    tokens = torch.randint(0, 10, (LENGTHS.sum(),))
    with torch.no_grad():
        expected = network(types, tokens, torch.from_numpy(LENGTHS)).mean(dim=1)
    torch.testing.assert_close(score(network, types, tokens, LENGTHS), expected, rtol=0, atol=1e-6)
    in_bfloat16 = score(network, types, tokens, LENGTHS, torch.bfloat16)
    torch.testing.assert_close(in_bfloat16, expected, rtol=0, atol=0.02)
    assert not torch.equal(in_bfloat16, expected)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("hidden_width", [20, 96, 128])
def test_a_window_has_the_same_bits_alone_and_among_others(hidden_width, precision):
    sizes = {**RICH, "hidden_width": hidden_width}
    network, types = make(sizes), make_types(sizes)
    lengths = numpy.repeat(LENGTHS, 9)
    tokens = torch.randint(0, 10, (lengths.sum(),))
    together = score(network, types, tokens, lengths, precision).split(lengths.tolist())
    for i in range(0, len(lengths), 7):
        window = tokens.split(lengths.tolist())[i]
        alone = score(network, types, window, lengths[i : i + 1], precision)
        assert torch.equal(alone, together[i])


class Products(TorchDispatchMode):
    """Notes sizes and strides of the operands of matrix products."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if "mm" in str(func):
            self.seen.add((func, *((part.shape, part.stride()) for part in args if isinstance(part, torch.Tensor))))
        return func(*args, **(kwargs or {}))


def test_products_of_lstms_are_of_few_sizes():
    """In bfloat16, oneDNN and torch each keep a third of a megabyte for each of them."""
    draw = numpy.random.RandomState(0)
    sizes = {**RICH, "hidden_width": 16, "mix_width": 32}
    network = make(sizes)
    with Products() as products:
        for _ in range(60):
            lengths = -numpy.sort(-draw.randint(1, 30, draw.randint(1, 40)))
            score(network, make_types(sizes), torch.randint(0, 10, (lengths.sum(),)), lengths, torch.bfloat16)
    of_lstms = [product for product in products.seen if "baddbmm" in str(product[0])]
    # Steps of up to 40 windows, 16 of them in blocks of two, the others of eight. Both layers read in blocks of 16.
    assert 0 < len(of_lstms) <= (16 / 2 + 24 / 8) + 2 * 128 / 16


@given(st.lists(st.integers(1, 12), min_size=1, max_size=60), st.integers(1, 5))
def test_layout_reads_each_token_once_and_in_order(lengths, rows_per_block):
    lengths = numpy.asarray(sorted(lengths, reverse=True))
    starts = numpy.cumsum(lengths) - lengths
    layout = lay_out(starts, lengths, rows_per_block)
    assert sum(layout.sizes) == len(layout.tokens) == len(layout.mirror) == len(layout.is_padding)
    assert layout.sizes == sorted(layout.sizes, reverse=True)
    assert all(size % rows_per_block == 0 for size in layout.sizes)
    steps = numpy.split(numpy.arange(len(layout.tokens)), numpy.cumsum(layout.sizes)[:-1])
    read, read_backwards = [], []
    for column, length in enumerate(lengths):
        cells = [step[column] for step in steps[:length]]
        read += layout.tokens[cells].tolist()
        read_backwards += layout.tokens[layout.mirror[cells]].tolist()[::-1]
        assert not layout.is_padding[cells].any()
    assert read == read_backwards == list(range(lengths.sum()))
    assert (~layout.is_padding).sum() == lengths.sum()
    # There and back again, wherever padding stands.
    numpy.testing.assert_array_equal(layout.mirror[layout.mirror], numpy.arange(len(layout.mirror)))


def test_windows_of_similar_length_need_no_padding():
    lengths = numpy.asarray([5] * 4 + [3] * 4)
    assert not lay_out(numpy.cumsum(lengths) - lengths, lengths, 4).is_padding.any()
