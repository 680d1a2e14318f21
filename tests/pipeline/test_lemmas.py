"""Lemmas: edit trees as labels, and the head that chooses among them."""

import hashlib
import json
import re
from typing import Any, Dict, List

import numpy
import pytest
import spacy
import srsly
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.pipeline._edit_tree_internals.edit_trees import EditTrees
from spacy.strings import StringStore
from spacy.tokens import Doc

from spacy_lstm_tagger.annotation_layers import UPOS_IDS
from spacy_lstm_tagger.evaluation.judgements import judge_words
from spacy_lstm_tagger.explain import explain
from spacy_lstm_tagger.pipeline.lemmas import (
    KnownLemmas,
    Lemmatizer,
    Words,
    apply_tree,
    collect_known_lemmas,
    collect_trees,
    find_tree,
    makes_titles,
)

from ..conftest import LEMMAS, SENTENCES, SMALL_MODEL, WITH_LEMMAS, make_examples, make_pipeline, train

PAIRS = [
    ("running", "run"),
    ("dogs", "dog"),
    ("Dogs", "dog"),
    ("NATO", "NATO"),
    ("geschafft", "schaffen"),
    ("was", "be"),
]


def as_words(strings: StringStore, words: List[str]) -> Words:
    orths, lower = ([strings.add(word) for word in column] for column in (words, map(str.lower, words)))
    return Words(numpy.array(orths, dtype="uint64"), numpy.array(lower, dtype="uint64"), strings)


def learn(sentences: List[Dict[str, Any]], steps: int = 150, **config: Any) -> Language:
    return make_pipeline(steps, sentences=sentences, min_tree_freq=1, **config)


@pytest.fixture(scope="module")
def lemmatizer() -> Language:
    """A pipeline that knows the lemmas of its training data. Not to be changed."""
    return learn(WITH_LEMMAS)


@pytest.mark.parametrize("form, lemma", PAIRS)
def test_trees_are_spacys(form: str, lemma: str) -> None:
    strings = StringStore()
    trees = EditTrees(strings)
    tree = trees.add(form.lower() if lemma.islower() else form, lemma)
    ours = Lemmatizer([find_tree(form, lemma)])
    for word in ("running", "dogs", "geschafft", "gekauft", "Paris", "NATO", "x"):
        lemma_of_word = trees.apply(tree, word.lower() if lemma.islower() else word)
        (found,) = ours.apply(as_words(strings, [word]), numpy.zeros(1, dtype="int64"))
        assert (strings[found] if found else None) == lemma_of_word


@given(st.text(min_size=1, max_size=12), st.text(min_size=1, max_size=12))
def test_the_tree_of_a_word_makes_its_lemma(form: str, lemma: str) -> None:
    strings = StringStore()
    words = as_words(strings, [form])
    (found,) = Lemmatizer([find_tree(form, lemma)]).apply(words, numpy.zeros(1, dtype="int64"))
    assert strings[found] == lemma


def test_tree_is_applied_to_a_word() -> None:
    assert apply_tree(find_tree("dogs", "dog"), "Cats") == "cat"
    assert apply_tree(find_tree("dogs", "dog"), "mice") is None


def test_word_at_the_beginning_of_a_sentence_has_the_tree_that_it_has_within() -> None:
    assert find_tree("Dogs", "dog") == find_tree("dogs", "dog") != find_tree("Paris", "Pari")


@pytest.mark.parametrize(
    "form, lemma, other, lemma_of_other",
    [
        ("Hills", "Hill", "alps", "Alp"),
        ("Hills", "Hill", "ALPS", "Alp"),
        ("paris", "Paris", "ROME", "Rome"),
        ("Ankara'da", "Ankara", "İzmir'da", "İzmir"),
        ("İzmir'da", "İzmir", "Ankara'da", "Ankara"),
        ("İzmir", "İzmir", "NATO", "Nato"),
        ("İzini", "iz", "evini", "ev"),
        ("Ibsens", "Ibsen", "ǆuros", "ǅuro"),
    ],
)
def test_name_has_one_tree_in_any_case(form: str, lemma: str, other: str, lemma_of_other: str) -> None:
    tree = find_tree(form, lemma)
    assert apply_tree(tree, form) == lemma
    assert apply_tree(tree, other) == lemma_of_other


@pytest.mark.parametrize("form", ["McLeans", "Mercedes-Benzs", "d'Onófrios", "iPhones", "US-Senates", "O'Neills"])
def test_capitals_behind_the_initial_ones_stay(form: str) -> None:
    strings = StringStore()
    ours = Lemmatizer([find_tree("Hills", "Hill"), find_tree("KPMGs", "KPMG")])
    logits = numpy.array([[2, 1]], dtype="float32")
    _, (lemma,) = ours.choose(as_words(strings, [form]), numpy.zeros(1, dtype="uint64"), logits)
    assert strings[lemma] == form[:-1]
    for shouted in ("HILls", "HILLS", "H-ILLS"):
        assert apply_tree(find_tree("HILLS", "Hill"), shouted) == shouted[:-1].capitalize()


def test_tagger_from_before_there_were_trees_for_names_goes_on_without_them() -> None:
    lemmas = {("Paris", "PROPN", "Paris"): 1}
    old = collect_trees(lemmas, 1, with_titles=False)
    assert [makes_titles(trees) for trees in ([], old, collect_trees(lemmas, 1))] == [True, False, True]
    known = KnownLemmas.of({}).with_lemmas({("Hills", "PROPN"): "hill"}).grow(lemmas, with_upos=True)
    assert set(known.trees) == {*old, find_tree("hills", "hill")}


def test_rare_trees_are_left_out() -> None:
    lemmas = {("dogs", "NOUN", "dog"): 1, ("cats", "NOUN", "cat"): 1, ("was", "AUX", "be"): 1}
    assert collect_trees(lemmas, 2) == [find_tree("dogs", "dog")]
    assert len(collect_trees(lemmas, 1)) == 2


def test_likeliest_tree_that_can_be_applied_is_chosen() -> None:
    strings = StringStore()
    labels = [find_tree("dogs", "dog"), find_tree("running", "run"), find_tree("dog", "dog")]
    ours = Lemmatizer(labels)
    words = as_words(strings, ["cats", "cat", "sitting", "cat"])
    logits = numpy.array([[3, 2, 1], [3, 2, 1], [1, 3, 2], [2, 3, 1]], dtype="float32")
    chosen, _ = ours.choose(words, numpy.zeros_like(words.orths), logits)
    assert chosen.tolist() == [0, 2, 2, 2]
    assert [strings[lemma] for lemma in ours.apply(words, chosen)] == ["cat", "cat", "sitting", "cat"]
    assert logits.argmax(axis=1).tolist() == chosen.tolist()


def test_tree_is_applied_to_the_normal_spelling_of_a_word_where_it_must() -> None:
    lemmatizer = Lemmatizer([find_tree("'s", "be"), find_tree("dogs", "dog")])
    strings = StringStore()
    words = as_words(strings, ["\u2019s", "\u02bcS", "O\u2019Dogs", "\ufb01les"])
    lemmas = lemmatizer.apply(words, numpy.array([0, 0, 1, 1]))
    assert [strings[lemma] for lemma in lemmas] == ["be", "be", "o\u2019dog", "\ufb01le"]


def test_word_to_which_no_tree_can_be_applied_is_its_own_lemma() -> None:
    strings = StringStore()
    ours = Lemmatizer([find_tree("dogs", "dog")])
    words = as_words(strings, ["Paris", "x"])
    logits = numpy.zeros((2, 1), dtype="float32")
    chosen, _ = ours.choose(words, numpy.zeros_like(words.orths), logits)
    assert [strings[lemma] for lemma in ours.apply(words, chosen)] == ["pari", "x"]


@pytest.mark.parametrize(
    "label",
    ["", "x", "[]", "[true]", "[true,null]", "[1,[0,0,null,null]]", "[true,[0,-1,null,null]]", "[true,[0,0,null]]",
     '[true,["a",1]]', "[true,[0,4294967295,null,null]]", "[" * 10_000],
)  # fmt: skip
def test_other_labels_are_refused(label: str) -> None:
    with pytest.raises(ValueError, match="is not an edit tree"):
        Lemmatizer([label])


def test_known_words_have_the_tree_that_they_always_have() -> None:
    lemmas = {
        ("Wove", "VERB", "weave"): 1,
        ("dogs", "NOUN", "dog"): 3,
        ("Dogs", "NOUN", "dog"): 1,
        ("saw", "NOUN", "saw"): 1,
        ("saw", "VERB", "see"): 1,
        ("read", "VERB", "read"): 1,
        ("read", "VERB", "Read"): 1,
    }
    strings = StringStore()
    labels = [find_tree("dog", "dog"), find_tree("dogs", "dog")]
    known = collect_known_lemmas(lemmas, with_upos=True)
    ours = Lemmatizer(labels, KnownLemmas.from_bytes(known.to_bytes()))

    def lemmatize(word: str, upos: str) -> Any:
        words = as_words(strings, [word])
        logits = numpy.array([[2, 1]], dtype="float32")
        chosen, _ = ours.choose(words, numpy.array([UPOS_IDS[upos]], dtype="uint64"), logits)
        return strings[ours.apply(words, chosen)[0]], logits.tolist()

    assert lemmatize("wove", "VERB") == ("weave", [[2, 1]])
    assert lemmatize("DOGS", "NOUN") == ("dog", [[1, 2]])
    assert lemmatize("dogs", "VERB") == ("dogs", [[2, 1]])
    assert (lemmatize("saw", "NOUN")[0], lemmatize("saw", "VERB")[0]) == ("saw", "see")
    assert lemmatize("read", "VERB")[0] == "read"
    assert len(collect_known_lemmas(lemmas, with_upos=False).keys) == 2
    assert len(collect_known_lemmas({}, with_upos=True).keys) == 0


def test_tree_of_a_known_lemma_is_preferred() -> None:
    training = {("smile", "VERB", "smile"): 1, ("googled", "VERB", "googl"): 1, ("bombe", "NOUN", "bombe"): 1}
    labels = [find_tree("walked", "walk"), find_tree("smiled", "smile"), find_tree("walk", "walk")]
    known = KnownLemmas.from_bytes(collect_known_lemmas(training, with_upos=True).to_bytes())
    ours = Lemmatizer(labels, known)

    def lemmatize(word: str, upos: str, logits: List[float]) -> Any:
        strings = StringStore()
        rows = numpy.array([logits], dtype="float32")
        chosen, lemmas = ours.choose(as_words(strings, [word]), numpy.array([UPOS_IDS[upos]], dtype="uint64"), rows)
        assert rows.argmax() == chosen[0]
        return strings[lemmas[0]]

    assert lemmatize("smiled", "VERB", [2, 0, -2]) == "smile"
    assert lemmatize("smiled", "VERB", [3.5, 0, -2]) == "smil"  # too unlikely
    assert lemmatize("smiled", "NOUN", [2, 0, -2]) == "smil"  # known as a verb alone
    assert lemmatize("waited", "VERB", [0, 2, -2]) == "waite"  # none is known
    assert lemmatize("bombed", "NOUN", [2, 1, 3]) == "bombe"
    assert lemmatize("googled", "VERB", [0, 2, -2]) == "googl"


def test_explanation_shows_lemmas_in_the_place_of_trees(lemmatizer: Language) -> None:
    doc = lemmatizer("She reads old books.")
    explanation = explain(lemmatizer, doc.text)
    assert explanation.decisions.chosen["lemma"] == [token.lemma_ for token in doc]
    page = re.sub(r"<[^>]*>", "", explanation.to_html())
    assert "LEMMA read" in page and "[true," not in page


def test_trees_are_scored_for_unknown_words_alone_and_are_the_same(lemmatizer: Language) -> None:
    tagger = lemmatizer.get_pipe("lstm_tagger")
    docs = [lemmatizer.make_doc(text) for text in ["", "\n", "The dog ate the apples.", "Zebras wrote booklets DOGS"]]
    (all_trees,) = tagger._score(docs)
    (needed,) = tagger._score(docs, all_logits=False)
    assert "lemma" in all_trees.logits and "lemma" not in needed.logits
    assert needed.labels.tolist() == all_trees.labels.tolist()
    assert needed.lemmas.tolist() == all_trees.lemmas.tolist()
    n_scored = []
    choose = tagger.label_scheme.choose

    def count(heads: Any, words: Any, given: Any, score: Any) -> Any:
        return choose(heads, words, given, lambda rows: n_scored.append(len(rows)) or score(rows))

    tagger.label_scheme.choose = count
    try:
        list(tagger._score(docs, all_logits=False))
    finally:
        tagger.label_scheme.choose = choose
    assert 0 < sum(n_scored) < sum(len(doc) for doc in docs)


def test_lemmas_that_are_not_set_are_not_made(lemmatizer: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    tagger = lemmatizer.get_pipe("lstm_tagger")
    text = "Zebras wrote booklets \n DOGS"
    expected = lemmatizer(text)
    monkeypatch.setitem(tagger.cfg, "heads", ["tag", "pos", "morph"])
    monkeypatch.setattr(Lemmatizer, "choose", None)
    doc = lemmatizer(text)
    assert [(t.tag_, t.pos_, t.morph) for t in doc] == [(t.tag_, t.pos_, t.morph) for t in expected]
    assert not any(token.lemma_ for token in doc)


def test_words_can_be_given_their_lemmas(lemmatizer: Language, tmp_path: Any) -> None:
    tagger = lemmatizer.get_pipe("lstm_tagger")
    tagger.to_disk(tmp_path)
    other = spacy.blank("en")
    other.add_pipe("lstm_tagger").from_disk(tmp_path)
    doc = lemmatizer("She reads old books.")
    upos = doc[3].pos_
    other.get_pipe("lstm_tagger").add_known_lemmas({("Books", upos): "tome", ("boxen", "NOUN"): "box"})
    again = spacy.blank("en")
    again.add_pipe("lstm_tagger")
    for nlp in (other, again.from_bytes(other.to_bytes())):
        lemmas = [token.lemma_ for token in nlp(doc.text)]
        assert lemmas == [*(token.lemma_ for token in doc[:3]), "tome", doc[4].lemma_]
    with pytest.raises(ValueError, match="The UPOS tag of 'mice' is 'NN' instead of one of: 'ADJ', "):
        other.get_pipe("lstm_tagger").add_known_lemmas({("mice", "NN"): "mouse"})
    with pytest.raises(ValueError, match="no head for lemmas"):
        make_pipeline(heads=["pos"]).get_pipe("lstm_tagger").add_known_lemmas({})


@pytest.mark.parametrize(
    "change",
    [
        {"keys": b"\1" * 8},
        {"keys": b"\1" * 16},
        {"keys": b"\1" * 7},
        {"numbers": b"\1\0\1\0"},
        {"trees": []},
        {"trees": ["x", "y"]},
        {"trees": None},
    ],
)
def test_damaged_table_of_known_words_is_named(change: Dict[str, Any], lemmatizer: Language, tmp_path: Any) -> None:
    tagger = lemmatizer.get_pipe("lstm_tagger")
    tagger.to_disk(tmp_path / "model")
    path = tmp_path / "model" / "lemmas.msgpack"
    path.write_bytes(srsly.msgpack_dumps({**srsly.msgpack_loads(path.read_bytes()), **change}))
    cfg = srsly.read_json(tmp_path / "model" / "cfg")
    parts = {name: (tmp_path / "model" / name).read_bytes() for name in ("vocabulary.msgpack", "model.safetensors")}
    cfg["sha256"] = {"lemmas.msgpack": hashlib.sha256(path.read_bytes()).hexdigest()}
    parts.update({"cfg": srsly.json_dumps(cfg).encode("utf8"), "lemmas.msgpack": path.read_bytes()})
    with pytest.raises(ValueError, match=r"lemmas\.msgpack"):
        tagger.from_bytes(srsly.msgpack_dumps(parts), exclude=["vocab"])
    path.unlink()
    with pytest.raises(ValueError, match=r"lemmas\.msgpack"):
        tagger.from_disk(tmp_path / "model", exclude=["vocab"])


def test_learns_lemmas(lemmatizer: Language) -> None:
    for sentence in WITH_LEMMAS:
        doc = lemmatizer(Doc(lemmatizer.vocab, words=sentence["words"]))
        assert [token.lemma_ for token in doc] == sentence["lemmas"]
        assert [token.tag_ for token in doc] == sentence["tags"]


def test_lemmas_are_scored(lemmatizer: Language) -> None:
    assert lemmatizer.evaluate(make_examples(lemmatizer, WITH_LEMMAS))["lemma_acc"] == 1.0
    assert lemmatizer.evaluate(make_examples(lemmatizer, SENTENCES))["lemma_acc"] is None


def test_whitespace_is_its_own_lemma(lemmatizer: Language) -> None:
    assert [token.lemma_ for token in lemmatizer("Run \n run")][1] == " \n "[1:]


def test_batches_and_saved_models_give_the_same_lemmas(lemmatizer: Language, tmp_path: Any) -> None:
    texts = ["The dog reads books.", "Books!", "", "Everybody ate apples and reads the zyzzyva's books."]
    one_by_one = [[token.lemma_ for token in lemmatizer(text)] for text in texts]
    assert [[token.lemma_ for token in doc] for doc in lemmatizer.pipe(texts)] == one_by_one
    lemmatizer.to_disk(tmp_path)
    assert [[token.lemma_ for token in doc] for doc in spacy.load(tmp_path).pipe(texts)] == one_by_one


def test_lemmas_of_a_component_from_another_pipeline(lemmatizer: Language) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", source=lemmatizer)
    assert [token.lemma_ for token in nlp("Everybody reads Unheardofs")] == ["everybody", "read", "unheardof"]
    lemmatizer.get_pipe("lstm_tagger").name = "lstm_tagger"


def test_memory_does_not_grow_with_new_words(lemmatizer: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacy_lstm_tagger.pipeline.lemmas.MOST_KEPT", 50)
    scheme = lemmatizer.get_pipe("lstm_tagger").label_scheme
    n_strings = len(lemmatizer.vocab.strings)
    for i in range(100):
        with lemmatizer.memory_zone():
            lemmatizer(" ".join(f"word{i}x{j}s" for j in range(10)))
    assert len(scheme.lemmatizer._lemmas) <= 50 + 10 * len(scheme.labels["lemma"])
    assert len(lemmatizer.vocab.strings) == n_strings


def test_lemmas_are_there_after_a_memory_zone(lemmatizer: Language) -> None:
    for _ in range(2):
        with lemmatizer.memory_zone():
            assert lemmatizer("Unheardofs ate flubbers")[0].lemma_
    assert lemmatizer("Unheardofs ate flubbers")[0].lemma_


def test_data_without_lemmas_has_no_head_and_no_score() -> None:
    nlp = learn(SENTENCES, steps=1)
    assert nlp.evaluate(make_examples(nlp, WITH_LEMMAS))["lemma_acc"] is None
    assert "lemma" not in judge_words(nlp, make_examples(nlp, WITH_LEMMAS))
    assert "lemma" not in nlp.get_pipe("lstm_tagger").label_data
    assert not nlp("The dog")[0].lemma_


def test_heads_choose_what_is_learned() -> None:
    nlp = learn(WITH_LEMMAS, steps=1, heads=["pos", "lemma"])
    assert list(nlp.get_pipe("lstm_tagger").label_data) == ["pos", "lemma"]
    doc = nlp("The dog")
    assert doc[0].pos_ and doc[0].lemma_ and not doc[0].tag_


def test_lemmas_alone_can_be_learned() -> None:
    nlp = learn(WITH_LEMMAS, heads=["lemma"])
    assert [token.lemma_ for token in nlp(Doc(nlp.vocab, words=["Everybody", "reads", "books"]))] == LEMMAS[1]


def test_heads_choose_what_is_set(lemmatizer: Language) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config={"model": SMALL_MODEL, "heads": ["tag"]})
    nlp.get_pipe("lstm_tagger").from_bytes(
        lemmatizer.get_pipe("lstm_tagger").to_bytes(exclude=["vocab"]), exclude=["vocab"]
    )
    doc = nlp("The dog")
    assert doc[0].tag_ and not doc[0].pos_ and not doc[0].lemma_


def test_unknown_head_is_named() -> None:
    with pytest.raises(ValueError, match=r"heads has 'lemmas'\. Use some of: tag, pos, morph, lemma, sents"):
        spacy.blank("en").add_pipe("lstm_tagger", config={"heads": ["lemmas"]})


def test_lemma_that_a_rule_set_is_kept(lemmatizer: Language) -> None:
    doc = Doc(lemmatizer.vocab, words=["Everybody", "reads", "books"])
    doc[1].lemma_ = "READ"
    assert [token.lemma_ for token in lemmatizer(doc)] == ["everybody", "READ", "book"]
    doc = Doc(lemmatizer.vocab, words=["Everybody", "reads", "books"], lemmas=["x", "y", "z"])
    assert [token.lemma_ for token in lemmatizer(doc)] == LEMMAS[1]


def test_words_without_a_lemma_have_no_loss() -> None:
    nlp = learn(WITH_LEMMAS, steps=1, heads=["lemma"])
    tagger = nlp.get_pipe("lstm_tagger")
    partly = [{"words": ["dogs", "books"], "lemmas": ["", "book"]}, {"words": ["dogs"], "lemmas": [""]}]
    examples = make_examples(nlp, partly)
    scores, _ = tagger.model.begin_update([eg.predicted for eg in examples])
    _, gradients = tagger.get_loss(examples, scores)
    assert not gradients[0][0].any() and gradients[0][1].any() and not gradients[1].any()


def test_lemma_of_an_unknown_tree_has_no_loss_and_is_no_error() -> None:
    nlp = learn(WITH_LEMMAS, steps=1, heads=["lemma"])
    examples = make_examples(nlp, [{"words": ["was"], "lemmas": ["be"]}])
    assert nlp.update(examples)["lstm_tagger"] == 0.0


def test_confidence_of_lemmas(lemmatizer: Language) -> None:
    tagger = lemmatizer.get_pipe("lstm_tagger")
    tagger.store_confidence = True
    try:
        doc = lemmatizer("Everybody reads books")
        assert 0.5 < doc[2]._.lemma_confidence <= 1
        (top,) = tagger.top_k([doc], k=2)
        assert json.loads(top["lemma"][2][0][0]) == json.loads(find_tree("books", "book"))
    finally:
        tagger.store_confidence = False


def test_heads_can_be_added_to_a_trained_tagger() -> None:
    nlp = learn(SENTENCES)
    tagger = nlp.get_pipe("lstm_tagger")
    words = [sentence["words"] for sentence in SENTENCES]

    def score() -> List[numpy.ndarray]:
        return [rows["tag"] for rows in tagger.predict_proba([Doc(nlp.vocab, words=of_doc) for of_doc in words])]

    before = score()
    examples = make_examples(nlp, WITH_LEMMAS)
    tagger.add_heads(examples)
    for old, new in zip(before, score()):
        numpy.testing.assert_allclose(new, old, rtol=1e-5, atol=1e-6)
    train(nlp, examples, nlp.resume_training(), 100)
    for sentence in WITH_LEMMAS:
        doc = nlp(Doc(nlp.vocab, words=sentence["words"]))
        assert [token.lemma_ for token in doc] == sentence["lemmas"]
        assert [token.tag_ for token in doc] == sentence["tags"]
    labels = tagger.label_data
    tagger.add_heads(examples)
    assert tagger.label_data == labels


def test_pretrained_tagger_learns_layers_that_it_lacks() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config={"pretrained": "en"})
    expected = [token.tag_ for token in nlp("She reads old books.")]
    sentence = {"words": ["She", "reads"], "pos": ["PRON", "VERB"], "lemmas": ["she", "read"]}
    optimizer = nlp.initialize(lambda: make_examples(nlp, [sentence]))
    assert "lemma" in nlp.get_pipe("lstm_tagger").label_data
    nlp.update(make_examples(nlp, [sentence]), sgd=optimizer)
    assert [token.tag_ for token in nlp("She reads old books.")] == expected
