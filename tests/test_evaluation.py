from collections import Counter
from typing import Any, Dict, List, Tuple

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_lstm_tagger.evaluation import LayerScores, accuracy, evaluate_layers

from .conftest import SENTENCES, make_examples, make_pipeline

LAYERS = ["pos", "tag", "morph"]

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
    """Each annotated word with its gold label and the one given."""
    pairs = []
    for eg in make_evaluation_examples(nlp):
        for gold, given in zip(eg.reference, nlp(Doc(nlp.vocab, words=[token.text for token in eg.reference]))):
            if gold.has_morph() if layer == "morph" else label(gold, layer):
                pairs.append((gold.text, label(gold, layer), label(given, layer)))
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
    assert scores.all == Counter((gold, given) for _, gold, given in pairs_slowly(learner, layer))


@pytest.mark.parametrize("layer", LAYERS)
def test_known_and_unknown_words_add_up(layer: str, learner: Language) -> None:
    scores = evaluate_layers(learner, make_evaluation_examples(learner))[layer]
    known_words = {word.lower() for sentence in SENTENCES for word in sentence["words"]}
    pairs = pairs_slowly(learner, layer)
    assert scores.known == Counter((gold, given) for word, gold, given in pairs if word.lower() in known_words)
    assert scores.unknown == Counter((gold, given) for word, gold, given in pairs if word.lower() not in known_words)
    assert scores.known and scores.unknown
    assert scores.known.total() + scores.unknown.total() == scores.all.total() == len(pairs)


@pytest.mark.parametrize("layer", LAYERS)
def test_per_label_equals_a_slow_count(layer: str, learner: Language) -> None:
    pairs = pairs_slowly(learner, layer)
    per_label = evaluate_layers(learner, make_evaluation_examples(learner))[layer].per_label
    assert set(per_label) == {name for _, *pair in pairs for name in pair}
    for name, score in per_label.items():
        right = sum(gold == given == name for _, gold, given in pairs)
        assert score.tp == right
        assert score.tp + score.fp == sum(given == name for _, _, given in pairs)
        assert score.tp + score.fn == sum(gold == name for _, gold, _ in pairs)


@pytest.mark.parametrize("layer", LAYERS)
def test_errors_are_all_that_is_wrong_by_frequency(layer: str, learner: Language) -> None:
    scores = evaluate_layers(learner, make_evaluation_examples(learner))[layer]
    counts = [count for _, _, count in scores.errors]
    assert counts and counts == sorted(counts, reverse=True)
    wrong = Counter((gold, given) for _, gold, given in pairs_slowly(learner, layer) if gold != given)
    assert {(gold, given): count for gold, given, count in scores.errors} == wrong


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
