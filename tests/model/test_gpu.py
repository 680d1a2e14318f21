"""Training and tagging on a GPU, where there is one."""

import numpy
import pytest
import spacy
import torch
from thinc.api import require_cpu, require_gpu
from thinc.compat import has_cupy_gpu

from spacy_lstm_tagger.explain.explanation import explain
from spacy_lstm_tagger.model.shim import get_network

from ..conftest import ROOT, SENTENCES, SMALL_MODEL, TEXTS, make_examples, make_pipeline

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

DEVICES = ["config", pytest.param("spacy", marks=pytest.mark.skipif(not has_cupy_gpu, reason="needs CuPy"))]


@pytest.fixture(params=DEVICES)
def device(request):
    """What is set to the GPU: the component's config, which needs no CuPy, or spaCy."""
    if request.param == "config":
        yield "cuda:0"
        return
    require_gpu(0)
    yield None
    require_cpu()


def device_of(nlp):
    return next(get_network(nlp.get_pipe("lstm_tagger").model).parameters()).device


def labels_of(doc):
    return [(token.pos_, token.tag_, str(token.morph)) for token in doc]


def test_learns_and_goes_on_from_disk_on_the_cpu(device, tmp_path):
    nlp = make_pipeline(steps=60, model={**SMALL_MODEL, "device": device})
    assert device_of(nlp).type == "cuda"
    scores = nlp.evaluate(make_examples(nlp))
    assert scores["tag_acc"] == scores["pos_acc"] == scores["morph_acc"] == 1
    nlp.to_disk(tmp_path)
    require_cpu()
    loaded = spacy.load(tmp_path, config={"components.lstm_tagger.model.device": None})
    assert device_of(loaded).type == "cpu"
    assert [labels_of(doc) for doc in loaded.pipe(TEXTS)] == [labels_of(doc) for doc in nlp.pipe(TEXTS)]


def test_scores_are_those_of_the_cpu(trained_path, device):
    settings = {"components.lstm_tagger.model.mixed_precision": False}
    on_gpu = spacy.load(trained_path, config={**settings, "components.lstm_tagger.model.device": device})
    assert device_of(on_gpu).type == "cuda"
    require_cpu()
    on_cpu = spacy.load(trained_path, config=settings)
    given, expected = (
        nlp.get_pipe("lstm_tagger").predict_proba([nlp.make_doc(text) for text in TEXTS]) for nlp in (on_gpu, on_cpu)
    )
    for rows, expected_rows in zip(given, expected):
        for head, probabilities in rows.items():
            numpy.testing.assert_allclose(probabilities, expected_rows[head], atol=1e-5)


def test_averages_are_used_and_left(device):
    nlp = make_pipeline(model={**SMALL_MODEL, "device": device})
    optimizer = nlp.create_optimizer()
    optimizer.averages = {}
    for _ in range(3):
        nlp.update(make_examples(nlp), sgd=optimizer)
    network = get_network(nlp.get_pipe("lstm_tagger").model)
    before = network.encoder.word.weight.clone()
    with nlp.use_params(optimizer.averages):
        assert not torch.equal(network.encoder.word.weight, before)
        assert device_of(nlp).type == "cuda"
    assert torch.equal(network.encoder.word.weight, before)


def test_other_optimizers_change_weights(device):
    nlp = make_pipeline(model={**SMALL_MODEL, "device": device})
    optimizer = nlp.create_optimizer()
    optimizer.use_radam = True
    network = get_network(nlp.get_pipe("lstm_tagger").model)
    before = network.encoder.word.weight.clone()
    nlp.update(make_examples(nlp), sgd=optimizer)
    assert device_of(nlp).type == "cuda"
    assert not torch.equal(network.encoder.word.weight, before)


def test_same_seed_gives_same_weights(device):
    def train():
        model = {**SMALL_MODEL, "hidden_width": 128, "mix_width": 256, "n_members": 1, "device": device}
        nlp = make_pipeline(steps=10, model={**model, "dropout_samples": 2})
        sentences = [sentence for sentence in SENTENCES for _ in range(20)]
        optimizer = nlp.create_optimizer()
        for _ in range(10):
            nlp.update(make_examples(nlp, sentences), sgd=optimizer, drop=0.3)
        return get_network(nlp.get_pipe("lstm_tagger").model).state_dict()

    first, second = train(), train()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_rehearsal(device):
    nlp = make_pipeline(steps=20, model={**SMALL_MODEL, "device": device})
    optimizer = nlp.resume_training()
    assert nlp.rehearse(make_examples(nlp), sgd=optimizer)["lstm_tagger"] == pytest.approx(0.0, abs=1e-6)


def test_explanation(device):
    nlp = make_pipeline(steps=5, model={**SMALL_MODEL, "n_members": 1, "device": device})
    assert explain(nlp, "The dog ate the apples.")


@pytest.mark.parametrize("device", DEVICES)
def test_training_command(device, run_spacy, tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_lstm_tagger.commands.train.has_cupy_gpu", device == "spacy")
    sample = ROOT / "corpus" / "en_sample-dev.conllu"
    few_steps = ["--training.max_steps=20", "--training.eval_frequency=10"]
    run_spacy("lstm-tagger", "train", sample, tmp_path, "--dev", sample, "--gpu-id", 0, *few_steps)
    require_cpu()
    assert device_of(spacy.load(tmp_path / "model-last")).type == ("cpu" if device == "spacy" else "cuda")
