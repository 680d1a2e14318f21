import re
from collections import Counter
from dataclasses import replace
from itertools import product

import numpy
import pytest
import spacy
import torch
from spacy.tokens import Doc
from spacy.vectors import Vectors
from thinc.api import Adam, set_dropout_rate

from spacy_lstm_tagger.inference.tagging_network import TaggingNetwork
from spacy_lstm_tagger.model.architecture import build_lstm_tagger_v1
from spacy_lstm_tagger.model.augmentation import change_case
from spacy_lstm_tagger.model.shim import get_network, get_shim
from spacy_lstm_tagger.model.tagging_pass import _encode
from spacy_lstm_tagger.model.vocabulary import build_vocabulary_v1
from spacy_lstm_tagger.network.hardware import computes_bfloat16

from ..conftest import SMALL_MODEL, TEXTS, make_examples, make_pipeline


def make_docs(nlp):
    return [nlp.make_doc(text) for text in TEXTS]


def concatenate(scores):
    return numpy.concatenate(scores)


def average_members(scores):
    return numpy.mean(numpy.split(scores, SMALL_MODEL["n_members"], axis=1), axis=0)


def test_predict_equals_begin_update_without_dropout(trained):
    model = trained.get_pipe("lstm_tagger").model.copy()
    get_shim(model).module = get_shim(model).as_stored()
    set_dropout_rate(model, 0.0)
    docs = make_docs(trained)
    for mixed_precision, tolerance in ((False, 1e-5), (True, 0.2)):
        model.attrs["settings"].mixed_precision = mixed_precision
        trained_scores, _ = model.begin_update(docs)
        for predicted, scores in zip(model.predict(docs), trained_scores):
            numpy.testing.assert_allclose(predicted, average_members(scores), atol=tolerance)


def test_mixed_precision_needs_hardware_for_it(trained, monkeypatch):
    model = trained.get_pipe("lstm_tagger").model.copy()
    set_dropout_rate(model, 0.0)
    docs = make_docs(trained)
    scores = {}
    # An LSTM in bfloat16 cannot be computed at all where the hardware lacks it.
    can = computes_bfloat16(torch.device("cpu"))
    for wanted, there in product((False, True), repeat=2):
        if wanted and there and not can:
            continue
        monkeypatch.setattr("spacy_lstm_tagger.network.hardware.computes_bfloat16", lambda device, there=there: there)
        model.attrs["settings"].mixed_precision = wanted
        scores[wanted, there] = concatenate(model.begin_update(docs)[0])
    numpy.testing.assert_array_equal(scores[False, True], scores[False, False])
    numpy.testing.assert_array_equal(scores[True, False], scores[False, False])
    if can:
        assert not numpy.array_equal(scores[True, True], scores[False, False])


def test_batched_equals_alone(trained):
    model = trained.get_pipe("lstm_tagger").model
    docs = make_docs(trained)
    for together, doc in zip(model.predict(docs), docs):
        numpy.testing.assert_array_equal(together, model.predict([doc])[0])


@pytest.mark.parametrize("texts", [[], [""], ["", ""], ["  "], ["", " \n "]])
def test_docs_without_words_score_zero(trained, texts):
    model = trained.get_pipe("lstm_tagger").model
    docs = [trained.make_doc(text) for text in texts]
    scores, backprop = model.begin_update(docs)
    for rows, doc, n_members in zip([*model.predict(docs), *scores], [*docs, *docs], [1] * len(docs) + [2] * len(docs)):
        assert rows.shape == (len(doc), n_members * model.get_dim("nO"))
        assert not rows.any()
    backprop(scores)


@pytest.mark.parametrize(
    "name", ["encoder.word.weight", "members.1.layers.1.leftwards.weight_hh_l0", "members.0.heads.pos.weight"]
)
def test_gradient_equals_numerical_gradient(trained, name):
    """Through docs and windows that overlap, from the scores of the thinc model to the weights of the torch one."""
    model = trained.get_pipe("lstm_tagger").model.copy()
    model.attrs["settings"] = replace(model.attrs["settings"], window_size=4, window_overlap=2, mixed_precision=False)
    set_dropout_rate(model, 0.0)
    get_shim(model).module = get_network(model).double()  # differences of floats would be too coarse
    docs = make_docs(trained)
    weights = dict(get_network(model).named_parameters())[name]
    scores, backprop = model.begin_update(docs)
    d_scores = [numpy.random.default_rng(0).normal(size=rows.shape).astype("float32") for rows in scores]
    backprop(d_scores)
    # The weight with the largest gradient.
    index = int(weights.grad.abs().argmax())
    analytic = float(weights.grad.flatten()[index])

    def loss(change):
        weights.data.view(-1)[index] += change
        outputs = model.begin_update(docs)[0]
        weights.data.view(-1)[index] -= change
        return sum(float((rows.astype("float64") * d_rows).sum()) for rows, d_rows in zip(outputs, d_scores))

    numerical = (loss(1e-2) - loss(-1e-2)) / 2e-2
    assert analytic == pytest.approx(numerical, rel=1e-2)


def test_optimizer_moves_weights_down_the_gradient(nlp):
    model = nlp.get_pipe("lstm_tagger").model
    examples = make_examples(nlp)
    tagger = nlp.get_pipe("lstm_tagger")
    optimizer = Adam(0.01)
    losses = []
    for _ in range(10):
        scores, backprop = model.begin_update([eg.predicted for eg in examples])
        loss, d_scores = tagger.get_loss(examples, scores)
        backprop(d_scores)
        model.finish_update(optimizer)
        losses.append(loss)
    assert losses == sorted(losses, reverse=True)
    assert all(parameter.grad is None for parameter in get_network(model).parameters())


def test_use_params_takes_the_optimizers_averages_and_gives_the_weights_back(nlp):
    examples = make_examples(nlp)
    tagger = nlp.get_pipe("lstm_tagger")
    optimizer = Adam(0.01, use_averages=True)
    for _ in range(5):
        nlp.update(examples, sgd=optimizer)
    docs = make_docs(nlp)
    before = concatenate(tagger.model.predict(docs))
    weights = {name: p.clone() for name, p in get_network(tagger.model).named_parameters()}
    with nlp.use_params(optimizer.averages):
        averaged = concatenate(tagger.model.predict(docs))
        for name, parameter in get_network(tagger.model).named_parameters():
            average = optimizer.averages[get_shim(tagger.model).id, name]
            numpy.testing.assert_array_equal(parameter.detach().numpy(), average)
    assert not numpy.allclose(averaged, before)
    numpy.testing.assert_array_equal(concatenate(tagger.model.predict(docs)), before)
    assert all((weights[name] == p).all() for name, p in get_network(tagger.model).named_parameters())


def test_copy_does_not_share_weights(nlp):
    model = nlp.get_pipe("lstm_tagger").model
    copied = model.copy()
    docs = make_docs(nlp)
    before = concatenate(copied.predict(docs))
    numpy.testing.assert_array_equal(before, concatenate(model.predict(docs)))
    for parameter in get_network(model).parameters():
        parameter.data.add_(1.0)
    numpy.testing.assert_array_equal(before, concatenate(copied.predict(docs)))


def test_long_docs_are_read_in_windows(trained):
    """Where the context of a window is all that a one-layer network with little memory needs, scores are equal."""
    model = trained.get_pipe("lstm_tagger").model.copy()
    words = ["The", "dog", "ate", "the", "apples", "."] * 30
    doc = Doc(trained.vocab, words=words)
    model.attrs["settings"] = replace(model.attrs["settings"], window_size=1000, window_overlap=0)
    whole = model.predict([doc])[0]
    model.attrs["settings"] = replace(model.attrs["settings"], window_size=60, window_overlap=40)
    numpy.testing.assert_allclose(model.predict([doc])[0], whole, atol=0.05)


def test_a_word_has_the_same_bits_whatever_is_encoded_with_it(trained):
    model = trained.get_pipe("lstm_tagger").model
    network = TaggingNetwork(get_network(model), torch.float32)
    words = numpy.asarray([trained.vocab.strings.add(f"{'ab' * (i % 7)}{i}") for i in range(150)], dtype="uint64")
    with torch.inference_mode():
        together = _encode(model, trained.vocab, network, words)
        for some in ([3], [140, 7], list(range(0, 150, 2)), list(range(149, 40, -1))):
            alone = _encode(model, trained.vocab, network, words[some])
            rows_together = [0, *(1 + i for i in some)]  # that of no word comes first
            assert all(torch.equal(rows, known[rows_together]) for rows, known in zip(alone, together))


def test_sentences_are_read_one_by_one(trained):
    model = trained.get_pipe("lstm_tagger").model
    words = ["Run", "Yes", "!", "Everybody", "reads", "books"]
    doc = Doc(trained.vocab, words=words, sent_starts=[True, True, False, True, False, False])
    parts = [Doc(trained.vocab, words=part) for part in (words[:1], words[1:3], words[3:])]
    numpy.testing.assert_array_equal(model.predict([doc])[0], concatenate(model.predict(parts)))


def test_share_of_sentences_is_read_in_changed_case():
    shares = {"lower_case": 0.2, "upper_case": 0.3, "title_case": 0.1}
    model = make_pipeline(model={**SMALL_MODEL, **shares}).get_pipe("lstm_tagger").model
    lengths = numpy.asarray([1, 2] * 500)
    types = numpy.asarray([0, 1, 0] * 500)
    numpy.random.seed(0)
    words, changed = change_case(model, ["the", "dOG"], types, lengths)
    tokens = [words[i] for i in changed]
    assert [token.lower() for token in tokens] == ["the", "dog", "the"] * 500
    pairs = Counter(zip(tokens[1::3], tokens[2::3]))
    # A sentence is changed as a whole.
    assert set(pairs) == {("dOG", "the"), ("dog", "the"), ("DOG", "THE"), ("DOG", "The")}
    assert pairs["dog", "the"] / 500 == pytest.approx(0.2, abs=0.06)
    assert pairs["DOG", "THE"] / 500 == pytest.approx(0.3, abs=0.06)
    assert pairs["DOG", "The"] / 500 == pytest.approx(0.1, abs=0.06)
    words, changed_again = change_case(model, ["the", "dOG"], types, lengths)
    assert [words[i] for i in changed_again] != tokens


@pytest.mark.parametrize("shares", [(-0.1, 0.0, 0.0), (0.0, -0.1, 0.0), (0.0, 0.0, -0.1), (0.4, 0.4, 0.4)])
def test_impossible_shares_of_changed_case_are_named(shares):
    names = ("lower_case", "upper_case", "title_case")
    with pytest.raises(ValueError, match=re.escape(f"not {shares}")):
        make_pipeline(model={**SMALL_MODEL, **dict(zip(names, shares))})


def test_word_dropout_only_in_training():
    pipeline = make_pipeline(model={**SMALL_MODEL, "word_dropout": 100.0})
    model = pipeline.get_pipe("lstm_tagger").model
    docs = [eg.predicted for eg in make_examples(pipeline)]
    set_dropout_rate(model, 1e-9)
    plain = concatenate(model.predict(docs))
    numpy.testing.assert_array_equal(concatenate(model.predict(docs)), plain)
    assert not numpy.allclose(average_members(concatenate(model.begin_update(docs)[0])), plain, atol=0.1)


def test_static_vectors_are_read():
    def scores(vectors):
        nlp = spacy.blank("en")
        nlp.vocab.vectors = Vectors(data=vectors, keys=["dog", "books"], strings=nlp.vocab.strings)
        nlp.add_pipe("lstm_tagger", config={"model": {**SMALL_MODEL, "include_static_vectors": True}})
        spacy.util.fix_random_seed(0)
        nlp.initialize(lambda: make_examples(nlp))
        return nlp.get_pipe("lstm_tagger").model.predict([Doc(nlp.vocab, words=["dog"]), Doc(nlp.vocab, words=["Run"])])

    dog, run = scores(numpy.zeros((2, 4), dtype="float32"))
    other_dog, same_run = scores(numpy.ones((2, 4), dtype="float32"))
    assert not numpy.allclose(dog, other_dog)
    numpy.testing.assert_array_equal(run, same_run)


def test_static_vectors_are_stored_with_the_vocab_alone():
    nlp = spacy.blank("en")
    nlp.vocab.vectors = Vectors(data=numpy.ones((2, 4), dtype="float32"), keys=["dog", "Run"])
    tagger = nlp.add_pipe("lstm_tagger", config={"model": {**SMALL_MODEL, "include_static_vectors": True}})
    nlp.initialize(lambda: make_examples(nlp))
    again = spacy.blank("en")
    again.add_pipe("lstm_tagger", config={"model": {**SMALL_MODEL, "include_static_vectors": True}})
    again.from_bytes(nlp.to_bytes())
    doc, same_doc = nlp.make_doc("The dog"), again.make_doc("The dog")
    numpy.testing.assert_array_equal(
        tagger.model.predict([doc])[0], again.get_pipe("lstm_tagger").model.predict([same_doc])[0]
    )


def test_tuned_static_vectors_learn_a_correction_of_known_words():
    nlp = spacy.blank("en")
    vectors = numpy.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    nlp.vocab.vectors = Vectors(data=vectors.copy(), keys=["dog", "Zyx"], strings=nlp.vocab.strings)
    settings = {**SMALL_MODEL, "include_static_vectors": True, "tune_static_vectors": True}
    tagger = nlp.add_pipe("lstm_tagger", config={"model": settings})
    optimizer = nlp.initialize(lambda: make_examples(nlp))
    corrections = get_network(tagger.model).encoder.corrections.weight
    assert corrections.shape == (len(tagger.vocabulary) + 1, 4) and not corrections.any()
    for _ in range(3):
        nlp.update(make_examples(nlp), sgd=optimizer)
    rows = tagger.vocabulary.look_up(["dog", "Zyx"]).words
    assert corrections[rows[0]].any() and not corrections[rows[1]].any()
    numpy.testing.assert_array_equal(nlp.vocab.vectors.data, vectors)


def test_static_vectors_without_vectors_is_spacys_error():
    with pytest.raises(ValueError, match="E896"):
        make_pipeline(model={**SMALL_MODEL, "include_static_vectors": True})


@pytest.mark.parametrize(
    "settings",
    [
        {"window_overlap": 128},
        {"window_overlap": -1},
        {"depth": 0},
        {"character_width": 7},
        {"n_members": 2},
        {"dropout_samples": 0},
    ],
)
def test_impossible_settings_are_named(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        build_lstm_tagger_v1(build_vocabulary_v1(), word_width=6, hidden_width=6, **settings)


def test_scoring_before_initialization_says_what_to_do():
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger")
    with pytest.raises(ValueError, match=r"nlp\.initialize"):
        nlp("The dog")
