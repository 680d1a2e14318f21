"""A tagger that reads a shared encoder: spaCy's tok2vec, a transformer, or one of its own."""

from pathlib import Path
from typing import Any, Dict, List

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

import spacy_lstm_tagger as lt
from spacy_lstm_tagger.model.training_pass import Update

from ..conftest import SENTENCES, SMALL_MODEL, TEXTS, WITH_LEMMAS, make_examples, make_pipeline, train

WIDTH = 8
TOK2VEC = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": WIDTH,
    "depth": 1,
    "embed_size": 50,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": False,
}
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": WIDTH, "upstream": "tok2vec"}
MODEL = {**SMALL_MODEL, "tok2vec": LISTENER}
IN_PLACE = {"word_width": 0, "affix_width": 0, "character_width": 0}


def make_shared(steps: int = 0, model: Dict[str, Any] = MODEL, **config: Any) -> Language:
    """A tok2vec and a tagger that listens to it."""
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
    nlp.add_pipe("lstm_tagger", config={"model": model, **config})
    examples = make_examples(nlp, WITH_LEMMAS)
    train(nlp, examples, nlp.initialize(lambda: examples), steps)
    return nlp


@pytest.fixture(scope="module")
def shared() -> Language:
    """Not to be changed."""
    return make_shared(steps=50)


def labels(nlp: Language) -> List[Any]:
    return [[(t.tag_, t.pos_, str(t.morph), t.lemma_) for t in doc] for doc in nlp.pipe(TEXTS)]


def probabilities(nlp: Language, docs: List[Doc]) -> numpy.ndarray:
    found = nlp.get_pipe("lstm_tagger").predict_proba(docs)
    return numpy.concatenate([rows.ravel() for of_doc in found for rows in of_doc.values()])


def assert_same(nlp: Language, other: Language) -> None:
    docs, others = list(nlp.pipe(TEXTS)), list(other.pipe(TEXTS))
    assert_allclose(probabilities(nlp, docs), probabilities(other, others), atol=1e-3)
    assert labels(nlp) == labels(other)


def test_learns_beside_its_own_embeddings(shared: Language) -> None:
    assert shared.evaluate(make_examples(shared))["tag_acc"] == 1.0


def test_learns_in_the_place_of_its_own_embeddings() -> None:
    nlp = make_shared(steps=60, model={**MODEL, **IN_PLACE})
    assert nlp.evaluate(make_examples(nlp))["tag_acc"] == 1.0


def test_the_encoder_learns_from_the_tagger() -> None:
    nlp = make_shared()
    before = nlp.get_pipe("tok2vec").to_bytes()
    optimizer = nlp.create_optimizer()
    for _ in range(2):  # spaCy's encoder takes its step with the next batch
        nlp.update(make_examples(nlp), sgd=optimizer)
    assert nlp.get_pipe("tok2vec").to_bytes() != before


@pytest.mark.parametrize("window", [{}, {"window_size": 3, "window_overlap": 2}])
def test_gradient_of_the_encoders_vectors_is_that_of_finite_differences(window: Dict[str, int]) -> None:
    """Also where a token is in several windows, and where whitespace is left out."""
    nlp = make_shared(model={**MODEL, "mixed_precision": False, **window})
    tagger = nlp.get_pipe("lstm_tagger")
    doc = Doc(nlp.vocab, words=["The", " ", "dog", "ate", "the", "apples", "."])
    (listener,) = tagger.model.layers
    vectors = numpy.random.default_rng(0).normal(size=(len(doc), WIDTH)).astype("float32")
    gradients: List[numpy.ndarray] = []

    def score() -> numpy.ndarray:
        listener.receive(listener.get_batch_id([doc]), [vectors], lambda d: gradients.extend(d) or [])
        (scores,), backprop = tagger.model([doc], is_train=True)
        score.backprop = backprop  # type: ignore[attr-defined]
        return scores

    direction = numpy.random.default_rng(1).normal(size=score().shape).astype("float32")
    score()
    score.backprop([direction])  # type: ignore[attr-defined]
    (gradient,) = gradients
    assert not gradient[1].any() and gradient[[0, *range(2, 7)]].any(axis=1).all()
    change = numpy.random.default_rng(2).normal(size=vectors.shape).astype("float32")
    ends = []
    for step in (0.02, -0.02):
        vectors += step * change
        ends.append(float((score() * direction).sum(dtype="float64")))
        vectors -= step * change
    assert (ends[0] - ends[1]) / 0.04 == pytest.approx(float((gradient * change).sum()), rel=0.02, abs=1e-3)


def test_batched_equals_alone_and_tagging_equals_training_without_dropout(shared: Language) -> None:
    docs = list(shared.pipe(TEXTS))
    tagger = shared.get_pipe("lstm_tagger")
    together = tagger.model.predict(docs)
    for doc, logits in zip(docs, together):
        if len(doc):
            assert_allclose(tagger.model.predict([doc])[0], logits, atol=2e-2)
    (listener,) = tagger.model.layers
    listener.receive(listener.get_batch_id(docs), [doc.tensor for doc in docs], lambda d: [])
    trained, _ = tagger.model(docs, is_train=True)
    n_members = 2
    for rows, logits in zip(trained, together):
        mean = rows.reshape(len(rows), n_members, -1).mean(axis=1) if len(rows) else logits
        assert_allclose(mean, logits, atol=5e-2)


def test_windows_do_not_depend_on_what_else_is_read(shared: Language) -> None:
    """In parts of bounded size, each with a table of its own."""
    docs = list(shared.pipe(["The dog ate the apples . " * 60, "Everybody reads books", "Run"]))
    tagger = shared.get_pipe("lstm_tagger")
    for doc, logits in zip(docs, tagger.model.predict(docs)):
        assert_allclose(tagger.model.predict([doc])[0], logits, atol=2e-2)


def test_is_the_same_from_disk_and_bytes(shared: Language, tmp_path: Path) -> None:
    shared.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert_same(loaded, shared)
    assert_same(spacy.blank("en").from_config(shared.config).from_bytes(shared.to_bytes()), shared)


def test_with_a_copy_of_the_encoder_it_needs_no_other_component(shared: Language, tmp_path: Path) -> None:
    shared.to_disk(tmp_path / "model")
    nlp = spacy.load(tmp_path / "model")
    nlp.replace_listeners("tok2vec", "lstm_tagger", ["model.tok2vec"])
    nlp.remove_pipe("tok2vec")
    assert_same(nlp, shared)
    nlp.to_disk(tmp_path / "alone")
    loaded = spacy.load(tmp_path / "alone")
    assert_same(loaded, shared)
    tagger = loaded.get_pipe("lstm_tagger")
    before = tagger.model.layers[0].to_bytes()
    loaded.update(make_examples(loaded), sgd=loaded.resume_training())
    assert tagger.model.layers[0].to_bytes() != before
    loaded.rehearse(make_examples(loaded))


def test_can_be_sourced_with_its_own_copy_or_frozen(shared: Language, tmp_path: Path) -> None:
    shared.to_disk(tmp_path / "model")
    config = {
        "nlp": {"lang": "en", "pipeline": ["lstm_tagger"]},
        "components": {"lstm_tagger": {"source": str(tmp_path / "model"), "replace_listeners": ["model.tok2vec"]}},
    }
    assert_same(spacy.blank("en").from_config(config), shared)
    both = spacy.blank("en")
    for name in ("tok2vec", "lstm_tagger"):
        both.add_pipe(name, source=spacy.load(tmp_path / "model"))
    before = both.get_pipe("lstm_tagger").to_bytes()
    both.update(make_examples(both), sgd=both.create_optimizer(), exclude=["lstm_tagger"])
    assert both.get_pipe("lstm_tagger").to_bytes() == before
    assert_same(both, shared)


def test_frozen_encoder_is_read_from_docs(shared: Language) -> None:
    nlp = make_shared()
    before = nlp.get_pipe("tok2vec").to_bytes(), nlp.get_pipe("lstm_tagger").to_bytes()
    nlp.update(make_examples(nlp), sgd=nlp.create_optimizer(), exclude=["tok2vec"], annotates=["tok2vec"])
    assert nlp.get_pipe("tok2vec").to_bytes() == before[0]
    assert nlp.get_pipe("lstm_tagger").to_bytes() != before[1]


def test_growing_keeps_what_it_has(shared: Language) -> None:
    nlp = make_shared(steps=5)
    before = labels(nlp)
    nlp.get_pipe("lstm_tagger").add_label("new")
    assert labels(nlp) == before


def test_texts_without_words_are_learned_from_too() -> None:
    nlp = make_shared()
    examples = [Example.from_dict(nlp.make_doc(text), {}) for text in ("  ", "")]
    losses = nlp.update(examples, sgd=nlp.create_optimizer())
    assert losses["lstm_tagger"] == 0.0
    assert [len(doc) for doc in nlp.pipe(["", "  "])] == [0, 1]


def test_several_processes_give_the_same(shared: Language) -> None:
    found = [[token.tag_ for token in doc] for doc in shared.pipe(TEXTS, n_process=2)]
    assert found == [[token.tag_ for token in doc] for doc in shared.pipe(TEXTS)]


def test_probabilities_sum_to_one(shared: Language) -> None:
    (doc,) = shared.pipe(["The dog ate the apples ."])
    tagger = shared.get_pipe("lstm_tagger")
    assert_allclose(tagger.predict_proba([doc])[0]["tag"].sum(1), 1, atol=1e-5)
    assert tagger.top_k([doc], 1)[0]["tag"][0][0][0] == doc[0].tag_


def test_warns_of_docs_that_the_encoder_has_not_seen(shared: Language) -> None:
    tagger = shared.get_pipe("lstm_tagger")
    with pytest.warns(UserWarning, match="gives no vectors for these docs"):
        tagger.predict_proba([shared.make_doc("The dog")])


def test_reading_another_encoder_is_an_error(shared: Language, trained: Language, tmp_path: Path) -> None:
    tagger = shared.get_pipe("lstm_tagger")
    doc = shared.make_doc("The dog")
    doc.tensor = numpy.ones((2, WIDTH + 1), dtype="float32")
    with pytest.raises(
        ValueError, match=f"vectors of width {WIDTH} from its tok2vec, but gets some of width {WIDTH + 1}"
    ):
        tagger.predict([doc])
    with pytest.raises(ValueError, match="its model has no tok2vec"):
        make_pipeline().get_pipe("lstm_tagger").from_bytes(tagger.to_bytes(exclude=["vocab"]), exclude=["vocab"])
    with pytest.raises(ValueError, match="was trained without a shared encoder"):
        make_shared().get_pipe("lstm_tagger").from_bytes(trained.get_pipe("lstm_tagger").to_bytes())


def test_what_needs_the_words_alone_is_refused(shared: Language, trained: Language) -> None:
    with pytest.raises(ValueError, match="cannot be traced back to words"):
        lt.explain(shared, "The dog")
    with pytest.raises(ValueError, match="listens to another component"):
        lt.replace_taggers(spacy.blank("en"), model=shared)
    nlp = make_shared()
    nlp.resume_training()
    with pytest.raises(ValueError, match="which spaCy does not rehearse"):
        nlp.rehearse(make_examples(nlp))
    tagger = make_shared(store_states=True).get_pipe("lstm_tagger")
    with pytest.raises(ValueError, match="set store_states = false"):
        tagger.predict([nlp("The dog")])


@pytest.mark.parametrize(["damage", "message"], [(None, "is missing"), (b"\x80", "is damaged")])
def test_damaged_encoder_is_an_error_that_names_its_file(tmp_path: Path, damage: Any, message: str) -> None:
    nlp = make_shared()
    nlp.replace_listeners("tok2vec", "lstm_tagger", ["model.tok2vec"])
    nlp.to_disk(tmp_path)
    file = tmp_path / "lstm_tagger" / "tok2vec.msgpack"
    file.unlink()
    if damage is not None:
        file.write_bytes(damage)
    with pytest.raises(ValueError, match=f"'tok2vec.msgpack' {message}"):
        spacy.load(tmp_path)


def test_files_of_taggers_without_an_encoder_say_nothing_of_it(trained_path: Path) -> None:
    assert b"shared" not in (trained_path / "lstm_tagger" / "cfg").read_bytes()
    assert not (trained_path / "lstm_tagger" / "tok2vec.msgpack").exists()


def test_updates_are_backpropagated_like_the_logits_alone() -> None:
    nlp = make_pipeline()
    _, update = nlp.get_pipe("lstm_tagger").model.begin_update([eg.predicted for eg in make_examples(nlp)])
    assert isinstance(update, Update)
    assert update.states.shape == (sum(len(sentence["words"]) for sentence in SENTENCES), 32)
