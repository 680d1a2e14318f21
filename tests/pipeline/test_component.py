"""The component as spaCy uses it. Where spaCy's tagger has a behaviour, its own tests are the model for these."""

import threading

import numpy
import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import minibatch
from spacy.vocab import Vocab
from thinc.api import set_dropout_rate

from ..conftest import SENTENCES, SMALL_MODEL, TEXTS, make_examples, make_pipeline

HEADS = ("tag", "pos", "morph")


def annotation(doc):
    return [(token.tag_, token.pos_, str(token.morph)) for token in doc]


def learn(nlp, sentences, **config):
    tagger = nlp.add_pipe("lstm_tagger", config={"model": SMALL_MODEL, **config})
    examples = make_examples(nlp, sentences)
    nlp.initialize(lambda: examples)
    return tagger, examples


def test_learns_its_training_data(trained):
    scores = trained.evaluate(make_examples(trained))
    assert scores["tag_acc"] == scores["pos_acc"] == scores["morph_acc"] == 1.0
    assert set(scores["morph_per_feat"]) == {"Definite", "Number", "Tense", "VerbForm"}


def test_labels_of_each_head(nlp):
    tagger = nlp.get_pipe("lstm_tagger")
    assert tagger.labels == (".", "DT", "NN", "NNS", "UH", "VB", "VBD", "VBZ")
    assert tagger.pos_labels == ("DET", "INTJ", "NOUN", "PRON", "PUNCT", "VERB")
    assert "_" in tagger.morph_labels and "Number=Plur" in tagger.morph_labels
    assert tagger.label_data == {
        "tag": list(tagger.labels),
        "pos": list(tagger.pos_labels),
        "morph": list(tagger.morph_labels),
    }


@pytest.mark.parametrize("layer", HEADS)
def test_a_head_exists_only_where_the_data_has_the_layer(layer):
    key = {"tag": "tags", "pos": "pos", "morph": "morphs"}[layer]
    sentences = [{"words": sentence["words"], key: sentence[key]} for sentence in SENTENCES]
    nlp = spacy.blank("en")
    tagger, examples = learn(nlp, sentences)
    assert list(tagger.label_data) == [layer]
    nlp.update(examples)
    (token, *_) = nlp("Run")
    assert [bool(token.tag), bool(token.pos), token.has_morph()] == [name == layer for name in HEADS]


def test_initialize_with_label_data(nlp):
    tagger = nlp.get_pipe("lstm_tagger")
    data = {"tag": ["B", "A"], "pos": ["NOUN"]}
    other = spacy.blank("en").add_pipe("lstm_tagger", config={"model": SMALL_MODEL})
    other.initialize(lambda: make_examples(nlp), labels=data)
    assert other.label_data == data
    again = spacy.blank("en").add_pipe("lstm_tagger", config={"model": SMALL_MODEL})
    again.initialize(lambda: make_examples(nlp), labels=tagger.label_data)
    assert again.label_data == tagger.label_data


def test_initialize_with_tags_alone_as_spacys_tagger_takes_them(nlp):
    tagger = spacy.blank("en").add_pipe("lstm_tagger", config={"model": SMALL_MODEL})
    tagger.initialize(lambda: make_examples(nlp), labels=("N", "V"))
    assert tagger.labels == ("N", "V")
    assert tagger.pos_labels == ()


def test_add_label_before_initialization():
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("lstm_tagger", config={"model": SMALL_MODEL})
    assert [tagger.add_label("N"), tagger.add_label("V"), tagger.add_label("N")] == [1, 1, 0]
    nlp.initialize()
    assert tagger.labels == ("N", "V")
    assert tagger.model.get_dim("nO") == 2


def test_add_label_that_is_no_string_is_spacys_error(nlp):
    with pytest.raises(ValueError, match="E187"):
        nlp.get_pipe("lstm_tagger").add_label(9)


def test_no_labels_is_spacys_error():
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger")
    with pytest.raises(ValueError, match="E143"):
        nlp.initialize()
    with pytest.raises(ValueError, match="E143"):
        nlp.initialize(lambda: make_examples(nlp, [{"words": ["no", "annotation"]}]))


@pytest.mark.parametrize("get_examples", [lambda: None, None, lambda: [], lambda: [1]])
def test_initialize_without_examples_is_spacys_error(nlp, get_examples):
    tagger = nlp.get_pipe("lstm_tagger")
    with pytest.raises((ValueError, TypeError), match=r"E\d+"):
        tagger.initialize(get_examples)


@pytest.mark.parametrize("texts", [[""], ["", ""], [" "], TEXTS])
def test_docs_without_words_pass_through(trained, texts):
    docs = list(trained.pipe(texts))
    assert [len(doc) for doc in docs] == [len(trained.make_doc(text)) for text in texts]
    tagger = trained.get_pipe("lstm_tagger")
    for doc, prediction in zip(docs, tagger.predict(docs)):
        assert prediction.labels.shape == (len(doc), 3)
    assert tagger.predict([]) == [] == tagger.predict_proba([]) == tagger.top_k([])


def test_update_without_words_changes_nothing(nlp):
    examples = [Example.from_dict(nlp.make_doc(text), {}) for text in ("", " ")]
    assert nlp.update(examples) == {"lstm_tagger": 0.0}


def test_whitespace_gets_spacys_labels(trained):
    for token in trained("The dog  ate\n the apples . \t"):
        assert (token.tag_ == "_SP") == (token.pos_ == "SPACE") == token.is_space


def test_whitespace_does_not_change_other_words(trained):
    plain = annotation(trained("The dog ate the apples"))
    spaced = trained("\n The  dog ate \t the   apples")
    assert [labels for token, labels in zip(spaced, annotation(spaced)) if not token.is_space] == plain


@pytest.mark.parametrize("overwrite", [False, True])
def test_overwrite(overwrite):
    nlp = make_pipeline(steps=20, overwrite=overwrite)
    words = ["The", "dog"]
    doc = Doc(nlp.vocab, words=words)
    doc[0].tag_, doc[1].pos_ = "XX", "X"
    doc[0].set_morph("Foo=Bar")
    free = annotation(nlp(Doc(nlp.vocab, words=words)))
    given_ = [("XX", free[0][1], "Foo=Bar"), (free[1][0], "X", free[1][2])]
    assert annotation(nlp(doc)) == (free if overwrite else given_)


@pytest.mark.parametrize("overwrite", [False, True])
def test_labels_of_some_words_are_kept(overwrite):
    nlp = make_pipeline(steps=20, overwrite=overwrite)
    doc = Doc(nlp.vocab, words=["The", "dog", " ", "ate"])
    doc[1].tag_ = "XX"
    tagged = annotation(nlp(doc))
    assert [tag for tag, _, _ in tagged] == [tagged[0][0], "XX", "_SP", tagged[3][0]]
    assert tagged[0][0] in nlp.get_pipe("lstm_tagger").labels


def test_labels_of_all_words_are_overwritten_doc_by_doc():
    """Whether a doc keeps its labels does not depend on the others of the batch; whitespace is no word."""
    nlp = make_pipeline(steps=20)
    docs = [Doc(nlp.vocab, words=["The", " ", "dog"]) for _ in range(2)]
    for doc in docs:
        doc[0].tag_ = "XX"
    docs[1][2].pos_ = "X"
    some, every = nlp.pipe(docs)
    assert some[0].tag_ == "XX" and every[0].tag_ != "XX" and every[2].pos_ != "X"


def test_missing_labels_teach_nothing():
    """A word whose gold labels are missing leaves no gradient, so another value there cannot matter."""
    nlp = make_pipeline()
    tagger = nlp.get_pipe("lstm_tagger")
    eg = Example.from_dict(Doc(nlp.vocab, words=["The", "dog"]), {"words": ["The", "dog"], "tags": ["", "NN"]})
    _, (gradient,) = tagger.get_loss([eg], tagger.model.predict([eg.predicted]))
    assert not gradient[0].any()
    n_tags = len(tagger.labels)
    assert gradient[1, :n_tags].any() and not gradient[1, n_tags:].any()


def test_negative_labels_push_away():
    nlp = make_pipeline()
    tagger = nlp.get_pipe("lstm_tagger")
    doc = Doc(nlp.vocab, words=["dog"])
    nn = tagger.labels.index("NN")
    for _ in range(30):
        nlp.update([Example.from_dict(doc, {"words": ["dog"], "tags": ["!NN"]})])
    assert tagger.predict_proba([doc])[0]["tag"][0, nn] < 0.01


def test_nan_in_the_loss_is_spacys_error(nlp):
    tagger = nlp.get_pipe("lstm_tagger")
    examples = make_examples(nlp)
    scores = tagger.model.predict([eg.predicted for eg in examples])
    scores[0][:] = numpy.nan
    with pytest.raises(ValueError, match="E910"):
        tagger.get_loss(examples, scores)


def test_tag_map_gives_upos_where_the_data_has_none():
    nlp = spacy.blank("en")
    sentences = [{"words": ["the", "dog", "ran"], "tags": ["D", "N", "V"]}]
    with pytest.warns(UserWarning, match="no UPOS tag for N, V:"):
        tagger, examples = learn(nlp, sentences, tag_map={"D": "DET"})
    for _ in range(40):
        nlp.update(examples)
    assert annotation(nlp("the  dog")) == [("D", "DET", ""), ("_SP", "SPACE", ""), ("N", "X", "")]
    assert tagger.pos_labels == ()
    again = spacy.blank("en")
    again.add_pipe("lstm_tagger").from_bytes(tagger.to_bytes())
    assert annotation(again("the dog")) == [("D", "DET", ""), ("N", "X", "")]


def test_tag_map_from_a_file_that_is_gone_later(tmp_path):
    path = tmp_path / "map.json"
    path.write_text('{"D": "DET", "N": "NOUN"}')
    nlp = spacy.blank("en")
    learn(nlp, [{"words": ["the", "dog"], "tags": ["D", "N"]}], tag_map=str(path))
    nlp.to_disk(tmp_path / "model")
    path.unlink()
    assert {token.pos_ for token in spacy.load(tmp_path / "model")("the dog")} <= {"DET", "NOUN"}


def test_tag_map_value_that_is_not_upos_is_named():
    with pytest.raises(ValueError, match="'DETERMINER'"):
        spacy.blank("en").add_pipe("lstm_tagger", config={"tag_map": {"D": "DETERMINER"}})


def test_predict_proba_agrees_with_the_labels(trained):
    tagger = trained.get_pipe("lstm_tagger")
    docs = list(trained.pipe(TEXTS))
    for doc, probabilities in zip(docs, tagger.predict_proba(docs)):
        assert list(probabilities) == list(HEADS)
        for head, rows in probabilities.items():
            assert rows.dtype == numpy.float32 and rows.shape == (len(doc), len(tagger.label_data[head]))
            numpy.testing.assert_allclose(rows.sum(axis=1), 1.0, atol=1e-5)
        words = [token.i for token in doc if not token.is_space]
        for head, attribute in zip(HEADS, ("tag_", "pos_", "morph")):
            best = [tagger.label_data[head][i] for i in probabilities[head][words].argmax(axis=1)]
            assert best == [str(getattr(doc[i], attribute)) or "_" for i in words]


@pytest.mark.parametrize("k", [1, 3, 1000])
def test_top_k_is_the_head_of_the_sorted_probabilities(trained, k):
    tagger = trained.get_pipe("lstm_tagger")
    docs = [trained.make_doc(text) for text in TEXTS]
    for probabilities, best in zip(tagger.predict_proba(docs), tagger.top_k(docs, k)):
        for head, rows in probabilities.items():
            for row, ranking in zip(rows, best[head]):
                expected = sorted(zip(row.tolist(), tagger.label_data[head]), key=lambda pair: -pair[0])[:k]
                assert ranking == [(label, p) for p, label in expected]


def test_top_k_of_nothing_is_an_error(trained):
    with pytest.raises(ValueError, match="at least 1, not 0"):
        trained.get_pipe("lstm_tagger").top_k([], k=0)


def test_rehearsal_pulls_back_to_what_was_known():
    nlp = make_pipeline(steps=30)
    tagger = nlp.get_pipe("lstm_tagger")
    examples = make_examples(nlp)
    before = tagger.predict_proba([examples[0].predicted])[0]["tag"]
    optimizer = nlp.resume_training()
    assert nlp.rehearse(examples)["lstm_tagger"] == pytest.approx(0.0, abs=1e-9)
    others = make_examples(nlp, [{"words": ["The", "dog"], "tags": ["VB", "VB"]}])
    for _ in range(20):
        nlp.update(others, sgd=optimizer)
    forgotten = tagger.predict_proba([examples[0].predicted])[0]["tag"]
    losses = [nlp.rehearse(examples, sgd=optimizer)["lstm_tagger"] for _ in range(30)]
    after = tagger.predict_proba([examples[0].predicted])[0]["tag"]
    assert losses[-1] < losses[0]
    assert abs(after - before).max() < abs(forgotten - before).max()


def test_rehearsal_compares_with_predictions_without_dropout(nlp):
    examples = make_examples(nlp)
    nlp.update(examples, drop=0.9, sgd=nlp.create_optimizer())
    nlp.resume_training()
    assert nlp.rehearse(examples)["lstm_tagger"] == pytest.approx(0.0, abs=1e-9)


def test_rehearsal_compares_each_sample_with_what_the_same_member_predicted():
    model = {**SMALL_MODEL, "dropout_samples": 3, "word_dropout": 0.0, "embedding_dropout": 0.0}
    nlp = make_pipeline(model=model)
    nlp.resume_training()
    tagger = nlp.get_pipe("lstm_tagger")
    examples = make_examples(nlp)
    for drop, n_samples in ((0.0, 1), (1e-9, 3)):  # so little that no unit is dropped
        assert tagger.rehearse(examples, drop=drop)["lstm_tagger"] == pytest.approx(0.0, abs=1e-9)
        set_dropout_rate(tagger.model, drop)
        scores, _ = tagger.model.begin_update([eg.predicted for eg in examples])
        assert scores[0].shape[1] == n_samples * model["n_members"] * tagger.model.get_dim("nO")


def test_rehearse_without_resuming_does_nothing(nlp):
    assert nlp.rehearse(make_examples(nlp)) == {"lstm_tagger": 0.0}


def test_select_pipes_disables(trained):
    with trained.select_pipes(disable="lstm_tagger"):
        assert not trained("Run")[0].tag_
    assert trained("Run")[0].tag_ == "VB"


def test_sourced_component_gives_the_same_labels(trained):
    other = spacy.blank("en")
    other.add_pipe("lstm_tagger", source=trained)
    for text in TEXTS:
        assert annotation(other(text)) == annotation(trained(text))


def test_frozen_component_does_not_change(trained_path):
    nlp = spacy.load(trained_path)
    nlp.add_pipe("tagger").add_label("NN")
    before = nlp.get_pipe("lstm_tagger").to_bytes(exclude=["vocab"])
    with nlp.select_pipes(enable="tagger"):
        nlp.initialize(lambda: make_examples(nlp))
    nlp.update(make_examples(nlp), exclude=["lstm_tagger"])
    assert nlp.get_pipe("lstm_tagger").to_bytes(exclude=["vocab"]) == before


def test_custom_scorer():
    nlp = make_pipeline(scorer=None)
    assert "tag_acc" not in nlp.evaluate(make_examples(nlp))
    nlp.get_pipe("lstm_tagger").scorer = lambda examples, **kwargs: {"mine": len(list(examples))}
    assert nlp.evaluate(make_examples(nlp))["mine"] == len(SENTENCES)


def test_same_seed_gives_the_same_weights():
    first, second = (make_pipeline(steps=3).get_pipe("lstm_tagger").to_bytes(exclude=["vocab"]) for _ in range(2))
    assert first == second


def test_updates_with_annotating_component(nlp):
    """The labels that the component sets while it is trained are there for components after it."""
    seen = []

    @Language.component("test_spy")
    def spy(doc):
        seen.append([token.tag_ for token in doc])
        return doc

    nlp.add_pipe("test_spy")
    nlp.update(make_examples(nlp), annotates=["lstm_tagger", "test_spy"])
    assert all(all(tags) for tags in seen) and len(seen) == len(SENTENCES)


WORDS = st.sampled_from(["The", "dog", "ate", "Zyx", "12", "a\u0301b", "日本", " ", "\n", "!", "x" * 50])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(WORDS, max_size=12), min_size=1, max_size=12), st.integers(1, 5))
def test_labels_do_not_depend_on_the_batch(trained, texts, batch_size):
    def docs():
        return [Doc(trained.vocab, words=words) for words in texts]

    alone = [annotation(trained(doc)) for doc in docs()]
    assert [annotation(doc) for doc in trained.pipe(docs(), batch_size=batch_size)] == alone
    tagger = trained.get_pipe("lstm_tagger")
    together = [rows["tag"] for rows in tagger.predict_proba(docs())]
    parts = [rows["tag"] for batch in minibatch(docs(), batch_size) for rows in tagger.predict_proba(batch)]
    for a, b in zip(together, parts):
        numpy.testing.assert_allclose(a, b, atol=1e-5)


def test_threads_share_a_pipeline(trained):
    expected = [annotation(trained(text)) for text in TEXTS]
    results = {}

    def work(name):
        results[name] = [[annotation(trained(text)) for text in TEXTS] for _ in range(10)]

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(run == expected for name in range(4) for run in results[name])


def test_memory_zone_leaves_labels_whole(trained_path):
    nlp = spacy.load(trained_path)
    expected = annotation(nlp("The dog ate the apples"))
    for i in range(3):
        with nlp.memory_zone():
            nlp(f"word{i} unheard{i}")
    assert annotation(nlp("The dog ate the apples")) == expected


@pytest.mark.parametrize("method", ["predict_proba", "top_k"])
@pytest.mark.parametrize("one", [Doc(Vocab(), words=["Run"]), "Run"], ids=["doc", "text"])
def test_one_doc_in_place_of_a_list_is_named(trained, method, one):
    with pytest.raises(TypeError, match=r"A list of docs was expected, as in predict_proba\(\[doc\]\)\[0\], not"):
        getattr(trained.get_pipe("lstm_tagger"), method)(one)
