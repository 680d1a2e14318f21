from collections import Counter
from math import isnan
from typing import Any, Dict, List, Tuple

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_lstm_tagger.evaluation.judgements import BATCH_SIZE, LayerScores, accuracy, evaluate_layers, judge_words

from ..conftest import SENTENCES, SMALL_MODEL, make_examples, make_pipeline

LAYERS = ["pos", "tag", "morph"]
TAGS = sorted({tag for sentence in SENTENCES for tag in sentence["tags"]})

# Sentences with unknown words, with labels that no tagger gives, and with labels missing.
OTHERS: List[Dict[str, Any]] = [
    {
        "words": ["the", "Cat", "ate", "Cat", "apples", "?"],
        "tags": ["DT", "NN", "NN", "NNP", "NNS", "."],
        "pos": ["DET", "NOUN", "NOUN", "PROPN", "NOUN", "PUNCT"],
        "morphs": ["Definite=Def", "", "Tense=Past", "Number=Sing", "Number=Sing", ""],
    },
    {"words": ["books", "run"], "tags": ["", "VB"], "pos": ["NOUN", ""]},
    {"words": []},
    {"words": ["Everybody"], "tags": ["XX"]},
]


@pytest.fixture(scope="module")
def learner() -> Language:
    """A pipeline that still errs. Not to be changed."""
    return make_pipeline(steps=6)


def make_evaluation_examples(nlp: Language) -> List[Example]:
    references = [Doc(nlp.vocab, **sentence) for sentence in [*SENTENCES, *OTHERS]]
    return [Example(Doc(nlp.vocab, words=[token.text for token in doc]), doc) for doc in references]


def label(token: Any, layer: str) -> str:
    return str(token.morph) or "_" if layer == "morph" else getattr(token, f"{layer}_")


def pairs_slowly(nlp: Language, layer: str) -> List[Tuple[str, str, str]]:
    """Each annotated word with its gold label and the one predicted."""
    pairs = []
    for eg in make_evaluation_examples(nlp):
        for gold, predicted in zip(eg.reference, nlp(Doc(nlp.vocab, words=[token.text for token in eg.reference]))):
            if gold.has_morph() if layer == "morph" else label(gold, layer):
                pairs.append((gold.text, label(gold, layer), label(predicted, layer)))
    return pairs


def test_accuracies_equal_spacys_scorer(learner: Language) -> None:
    scores = evaluate_layers(learner, make_evaluation_examples(learner))
    expected = learner.evaluate(make_evaluation_examples(learner))
    assert list(scores) == LAYERS
    for layer in LAYERS:
        assert 0 < expected[f"{layer}_acc"] < 1
        assert accuracy(scores[layer].all) == pytest.approx(expected[f"{layer}_acc"])


@pytest.mark.parametrize("layer", LAYERS)
def test_confusions_equal_a_slow_count(layer: str, learner: Language) -> None:
    scores = evaluate_layers(learner, make_evaluation_examples(learner))[layer]
    assert scores.all == Counter((gold, predicted) for _, gold, predicted in pairs_slowly(learner, layer))


@pytest.mark.parametrize("layer", LAYERS)
def test_known_and_unknown_words_add_up(layer: str, learner: Language) -> None:
    scores = evaluate_layers(learner, make_evaluation_examples(learner))[layer]
    known_words = {word.lower() for sentence in SENTENCES for word in sentence["words"]}
    pairs = pairs_slowly(learner, layer)
    assert scores.known == Counter((gold, predicted) for word, gold, predicted in pairs if word.lower() in known_words)
    assert scores.unknown == Counter(
        (gold, predicted) for word, gold, predicted in pairs if word.lower() not in known_words
    )
    assert scores.known and scores.unknown
    assert scores.known.total() + scores.unknown.total() == scores.all.total() == len(pairs)


def test_judgements_hold_probabilities_counts_and_words(learner: Language) -> None:
    layers = judge_words(learner, make_evaluation_examples(learner))
    tagger = learner.get_pipe("lstm_tagger")
    counts = Counter(word.lower() for sentence in SENTENCES for word in sentence["words"])
    labels = {"pos": tagger.pos_labels, "tag": tagger.labels, "morph": tagger.morph_labels}
    for layer in LAYERS:
        assert [(j.token.text, j.gold, j.predicted) for j in layers[layer]] == pairs_slowly(learner, layer)
        for judgement in layers[layer]:
            doc = Doc(learner.vocab, words=[token.text for token in judgement.token.doc])
            row = tagger.predict_proba([doc])[0][layer][judgement.token.i]
            assert judgement.probability == row[labels[layer].index(judgement.predicted)] == row.max()
            assert judgement.n_seen == counts[judgement.token.text.lower()]
            assert judgement.is_right == (judgement.gold == judgement.predicted)


def test_labels_that_others_gave_have_no_probability() -> None:
    nlp = make_pipeline(steps=6, overwrite=False)
    examples = make_evaluation_examples(nlp)
    examples[0].predicted[0].tag_ = "FOREIGN"
    (judgement, *others) = judge_words(nlp, examples)["tag"]
    assert judgement.predicted == "FOREIGN" and isnan(judgement.probability)
    assert not any(isnan(other.probability) for other in others)


def test_upos_from_a_tag_map_is_as_probable_as_the_tag() -> None:
    sentences = [{name: sentence[name] for name in ("words", "tags")} for sentence in SENTENCES]
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config={"model": SMALL_MODEL, "tag_map": dict.fromkeys(TAGS, "X")})
    nlp.initialize(lambda: make_examples(nlp, sentences))
    layers = judge_words(nlp, make_examples(nlp))
    assert [j.probability for j in layers["pos"]] == [j.probability for j in layers["tag"]]


def test_examples_are_taken_as_they_are_needed(learner: Language) -> None:
    taken = []
    examples = make_examples(learner, SENTENCES * (2 * BATCH_SIZE // len(SENTENCES)))
    pipe = learner.pipe

    def count_taken(docs: Any, **kwargs: Any) -> Any:
        docs = list(docs)
        taken.append((n_taken, len(docs)))
        return pipe(docs, **kwargs)

    n_taken = 0

    def take() -> Any:
        nonlocal n_taken
        for eg in examples:
            n_taken += 1
            yield eg

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learner, "pipe", count_taken)
        judge_words(learner, take())
    assert taken == [(BATCH_SIZE, BATCH_SIZE), (2 * BATCH_SIZE, BATCH_SIZE)]


@pytest.mark.parametrize("layer", LAYERS)
def test_per_label_equals_a_slow_count(layer: str, learner: Language) -> None:
    pairs = pairs_slowly(learner, layer)
    per_label = evaluate_layers(learner, make_evaluation_examples(learner))[layer].per_label
    assert set(per_label) == {name for _, *pair in pairs for name in pair}
    for name, score in per_label.items():
        right = sum(gold == predicted == name for _, gold, predicted in pairs)
        assert score.tp == right
        assert score.tp + score.fp == sum(predicted == name for _, _, predicted in pairs)
        assert score.tp + score.fn == sum(gold == name for _, gold, _ in pairs)


@pytest.mark.parametrize("layer", LAYERS)
def test_errors_are_all_that_is_wrong_by_frequency(layer: str, learner: Language) -> None:
    scores = evaluate_layers(learner, make_evaluation_examples(learner))[layer]
    counts = [count for _, _, count in scores.errors]
    assert counts and counts == sorted(counts, reverse=True)
    wrong = Counter((gold, predicted) for _, gold, predicted in pairs_slowly(learner, layer) if gold != predicted)
    assert {(gold, predicted): count for gold, predicted, count in scores.errors} == wrong


def test_errors_are_sorted_by_frequency_over_known_and_unknown_words() -> None:
    scores = LayerScores(
        known=Counter({("A", "A"): 9, ("A", "B"): 2, ("B", "A"): 1}), unknown=Counter({("B", "A"): 2, ("C", "B"): 1})
    )
    assert scores.errors == [("B", "A", 3), ("A", "B", 2), ("C", "B", 1)]


@pytest.mark.parametrize(
    "confusions, expected", [({}, 0.0), ({("A", "A"): 3}, 1.0), ({("A", "A"): 3, ("A", "B"): 1}, 0.75)]
)
def test_accuracy_is_the_share_of_right_labels(confusions: Dict[Tuple[str, str], int], expected: float) -> None:
    assert accuracy(Counter(confusions)) == expected


def test_a_pipeline_that_knows_the_sentences_makes_no_errors(trained: Language) -> None:
    scores = evaluate_layers(trained, make_examples(trained))
    assert {layer: (accuracy(score.all), score.errors) for layer, score in scores.items()} == dict.fromkeys(
        LAYERS, (1.0, [])
    )


@pytest.mark.parametrize("annotated", [["tags"], ["pos"], ["morphs"], ["tags", "pos"], []])
def test_layers_that_are_not_annotated_are_left_out(annotated: List[str], trained: Language) -> None:
    sentences = [{name: sentence[name] for name in ["words", *annotated]} for sentence in SENTENCES]
    names = {"tags": "tag", "pos": "pos", "morphs": "morph"}
    assert set(evaluate_layers(trained, make_examples(trained, sentences))) == {names[name] for name in annotated}


def test_no_examples_have_no_scores(trained: Language) -> None:
    assert evaluate_layers(trained, []) == {}


def test_examples_may_be_an_iterator(trained: Language) -> None:
    assert evaluate_layers(trained, iter(make_examples(trained))) == evaluate_layers(trained, make_examples(trained))


def test_pipeline_without_the_component_raises() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    with pytest.raises(ValueError, match=r"no component of the factory 'lstm_tagger', only: \['sentencizer'\]"):
        evaluate_layers(nlp, make_examples(nlp))
