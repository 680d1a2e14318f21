"""Weights as they are stored."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from spacy_lstm_tagger.model.stored_weights import EXPONENTS, LARGE_TABLE, pack, unpack


def make_table(n_rows: int = LARGE_TABLE, scale: float = 1.0) -> nn.ModuleDict:
    torch.manual_seed(0)
    table = nn.Embedding(n_rows, 8)
    with torch.no_grad():
        table.weight.mul_(scale * torch.logspace(-3, 3, n_rows)[:, None])
        table.weight[0] = 0
        table.weight[1] = 127 * scale
    return nn.ModuleDict({"word": table})


@given(st.floats(1e-30, 1e30))
def test_each_number_of_a_large_table_is_off_by_at_most_a_127th_of_its_rows_largest(scale: float) -> None:
    network = make_table(scale=scale)
    rounded = unpack(pack(network))["word.weight"]
    weight = network["word"].weight.detach()
    off = (rounded - weight).abs().amax(dim=1)
    assert (off <= weight.abs().amax(dim=1) / 127).all()
    assert rounded[0].eq(0).all()


@given(st.floats(1e-44, 1e35))
def test_what_is_packed_twice_stays_the_same(scale: float) -> None:
    network = make_table(scale=scale)
    once = pack(network)
    network.load_state_dict(unpack(once))
    twice = pack(network)
    assert once["word.weight"].dtype == torch.int8
    assert all(torch.equal(unpack(once)[name], unpack(twice)[name]) for name in unpack(once))


def test_small_tables_and_other_weights_are_stored_as_float16() -> None:
    network = nn.ModuleDict({"word": nn.Embedding(LARGE_TABLE - 1, 8), "head": nn.Linear(2, LARGE_TABLE)})
    packed = pack(network)
    assert list(packed) == ["word.weight", "head.weight", "head.bias"]
    assert all(weight.dtype == torch.float16 for weight in packed.values())
    assert torch.equal(unpack(packed)["head.bias"], network["head"].bias.detach().half().float())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_stays_so(value: float) -> None:
    network = make_table()
    with torch.no_grad():
        network["word"].weight[5, 2] = value
    assert not unpack(pack(network))["word.weight"].isfinite().all()


@pytest.mark.parametrize(
    "exponents",
    [torch.zeros(3, 1, dtype=torch.int8), torch.zeros(LARGE_TABLE, dtype=torch.int8), torch.zeros(LARGE_TABLE, 1)],
)
def test_exponents_that_do_not_fit_are_an_error(exponents: torch.Tensor) -> None:
    packed = {**pack(make_table()), "word.weight" + EXPONENTS: exponents}
    with pytest.raises(ValueError, match=r"weight 'word.weight' of type torch.int8 and shape \(1000, 8\)"):
        unpack(packed)
