"""Where torch lacks a function that is not public, the package does without."""

import pytest
import torch

from spacy_lstm_tagger.inference.fused_lstms import FusedLSTMs
from spacy_lstm_tagger.network import private_torch
from spacy_lstm_tagger.network.hardware import choose_precision, computes_bfloat16, has_amx

CPU = torch.device("cpu")


@pytest.fixture
def forget_answers():
    computes_bfloat16.cache_clear()
    yield
    computes_bfloat16.cache_clear()


@pytest.mark.usefixtures("forget_answers")
def test_without_answers_about_the_processor_lstms_compute_in_float32(monkeypatch):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(f"torch.cpu.{name}", raising=False)
    assert choose_precision(True, CPU) is torch.float32
    assert not has_amx(CPU)


@pytest.mark.usefixtures("forget_answers")
def test_without_an_answer_about_onednn_lstms_compute_in_float32(monkeypatch):
    class Operations:
        """Has none of the private ones."""

    monkeypatch.setattr("torch.ops.mkldnn", Operations())
    assert choose_precision(True, CPU) is torch.float32


@pytest.mark.parametrize("precision, tolerance", [(torch.float32, 1e-6), (torch.bfloat16, 0.02)])
def test_packed_lstm_is_the_lstm(precision, tolerance):
    lstm = torch.nn.LSTM(6, 8)
    packed = private_torch.pack_lstm(lstm.to(precision))
    if packed is None:
        pytest.skip("This torch packs no LSTMs.")
    inputs, zeros = torch.randn(5, 4, 6), torch.zeros(4, 8)
    with torch.no_grad():
        states = packed(inputs.to(precision), zeros.to(precision)).float()
        expected = lstm.float()(inputs)[0]
    torch.testing.assert_close(states, expected, rtol=0, atol=tolerance)


def test_without_packing_an_lstm_is_called_as_it_is(monkeypatch):
    monkeypatch.delattr("torch.mkldnn_rnn_layer")
    assert private_torch.pack_lstm(torch.nn.LSTM(6, 8)) is None
    monkeypatch.setattr("spacy_lstm_tagger.inference.fused_lstms.has_amx", lambda device: True)
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(6, 8)
    lstms = FusedLSTMs([[lstm]], torch.float32)
    words = torch.randn(3, 1, 6)
    layout = lstms.lay_out(torch.arange(1).numpy(), torch.tensor([3]).numpy())
    with torch.no_grad():
        states = lstms.read_words(lstms.project_words(words), torch.tensor([1, 2, 3, 0]).numpy(), layout)
        expected = lstm(words)[0].squeeze(1)
    cells = torch.from_numpy(layout.cells.tokens).argsort(stable=True)[-3:]
    torch.testing.assert_close(states[cells], expected, rtol=0, atol=1e-6)
