import numpy
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from spacy_lstm_tagger.inference.tagging_network import TaggingNetwork
from spacy_lstm_tagger.network.hardware import has_amx

from ..network.test_lstm_tagger import OPTIONS, RICH, make, make_types

CPU = torch.device("cpu")
LENGTHS = numpy.asarray([9, 9, 8, 7, 5, 5, 4, 2, 2, 1, 1])


def score(network, types, tokens, lengths, precision=torch.float32, fused=False):
    """Scores of the tokens of windows that stand one after another, the longest first."""
    with torch.no_grad():
        tagging = TaggingNetwork(network, precision, fused=fused)
        plan = tagging.plan(numpy.cumsum(lengths) - lengths, lengths)
        tokens_of_cells = plan.layout.cells.tokens
        wanted = numpy.flatnonzero(tokens_of_cells >= 0)
        table = tagging.encode(types)
        rows = numpy.append(1 + tokens.numpy(), 0)
        scores = tagging.score(table, rows, plan, tagging.read(table, rows, plan), wanted)
    assert scores.dtype == torch.float32
    in_order = torch.empty(len(tokens), scores.shape[1])
    in_order[tokens_of_cells[wanted]] = scores
    return in_order


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("sizes", [*OPTIONS, {**RICH, "hidden_width": 16, "mix_width": 32}])
def test_equals_network(sizes, fused):
    network, types = make(sizes), make_types(sizes)
    tokens = torch.randint(0, 10, (LENGTHS.sum(),))
    with torch.no_grad():
        expected = network(types, tokens, torch.from_numpy(LENGTHS)).mean(dim=1)
    in_float32 = score(network, types, tokens, LENGTHS, fused=fused)
    torch.testing.assert_close(in_float32, expected, rtol=0, atol=1e-6)
    in_bfloat16 = score(network, types, tokens, LENGTHS, torch.bfloat16, fused)
    torch.testing.assert_close(in_bfloat16, expected, rtol=0, atol=0.02)
    assert not torch.equal(in_bfloat16, expected)


WAYS = [
    (torch.float32, False),
    (torch.bfloat16, False),
    pytest.param(torch.bfloat16, True, marks=pytest.mark.skipif(not has_amx(CPU), reason="needs AMX")),
]


def products_are_the_same_for_fewer_rows():
    """Not so in MKL on processors of Intel's with AVX2 alone."""
    states, weights = torch.randn(128, 128), torch.randn(128, 512)
    return torch.equal((states @ weights)[:64], states[:64] @ weights)


@pytest.mark.parametrize("precision, fused", WAYS)
@pytest.mark.parametrize("hidden_width", [20, 96, 128])
def test_a_window_has_the_same_bits_alone_and_among_others(hidden_width, precision, fused):
    if precision is torch.float32 and not products_are_the_same_for_fewer_rows():
        pytest.skip("This processor's matrix products have other bits for fewer rows.")
    sizes = {**RICH, "hidden_width": hidden_width}
    network, types = make(sizes), make_types(sizes)
    lengths = numpy.repeat(LENGTHS, 9)
    tokens = torch.randint(0, 10, (lengths.sum(),))
    together = score(network, types, tokens, lengths, precision, fused).split(lengths.tolist())
    for i in range(0, len(lengths), 7):
        window = tokens.split(lengths.tolist())[i]
        alone = score(network, types, window, lengths[i : i + 1], precision, fused)
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
