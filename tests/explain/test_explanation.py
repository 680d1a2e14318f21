"""What an explanation says, against what the tagger does."""

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_lstm_tagger.explain.explanation import explain
from spacy_lstm_tagger.explain.recurrence import QUANTITIES
from spacy_lstm_tagger.pipeline.loading import find_tagger, load_pipeline

from ..conftest import SENTENCES, SMALL_MODEL, make_pipeline

TEXT = "The dog  ate\n zyzzyva's apples ."
WORDS = ["The", "dog", "ate", "zyzzyva's", "apples", "."]
HEADS = ["tag", "pos", "morph"]


@pytest.fixture(scope="module")
def explanation(trained):
    return explain(trained, Doc(trained.vocab, words=["The", "dog", " ", "ate", "\n", "zyzzyva's", "apples", "."]))


def by_hand(nlp, words):
    """Log-probabilities of every label of a sentence."""
    (probabilities,) = find_tagger(nlp).predict_proba([Doc(nlp.vocab, words=words)])
    return {head: numpy.log(table) for head, table in probabilities.items()}


def test_probabilities_and_labels_are_the_taggers(trained, explanation):
    doc = find_tagger(trained)(Doc(trained.vocab, words=WORDS))
    assert explanation.words == WORDS
    assert explanation.chosen["tag"] == [token.tag_ for token in doc]
    assert explanation.chosen["pos"] == [token.pos_ for token in doc]
    for head, logs in by_hand(trained, WORDS).items():
        numpy.testing.assert_array_equal(numpy.log(explanation.probabilities[head]), logs)


def test_shapes_are_as_documented(explanation):
    n_words, hidden = len(WORDS), SMALL_MODEL["hidden_width"]
    n_labels = [len(explanation.labels[head]) for head in HEADS]
    assert explanation.states.shape == (2, 2, 2, len(QUANTITIES), n_words, hidden)
    assert explanation.unit_order.shape == (2, 2, 2, hidden)
    assert explanation.vectors.shape == (2, n_words, SMALL_MODEL["mix_width"])
    assert explanation.convolved.shape == (2, n_words, SMALL_MODEL["convolution_width"])
    assert explanation.logits.shape == (n_words, sum(n_labels))
    assert explanation.sentence.tolist() == [0] * n_words
    for head in HEADS:
        assert explanation.attributions[head].shape == (n_words, n_words)
        assert explanation.differences[head].shape == (n_words,)
        assert explanation.parts[head].shape == (n_words, len(explanation.part_names))
        assert [len(scores) for scores in explanation.characters[head]] == [len(word) for word in WORDS]
        assert explanation.unit_effects[head].shape == (2, 2, n_words, hidden)
    assert explanation.spelling == WORDS
    assert [states.shape for states in explanation.spellings] == [(2, 6, len(word), 4) for word in WORDS]
    by_head = [*explanation.attributions.values(), *explanation.left_out.values()]
    for array in (explanation.states, explanation.logits, *by_head):
        assert array.dtype == "float32"


def test_logits_of_the_recurrence_are_those_that_the_tagger_computes():
    nlp = make_pipeline(steps=20, model={**SMALL_MODEL, "mixed_precision": False})
    doc = Doc(nlp.vocab, words=WORDS)
    logits = find_tagger(nlp).model.predict([doc])[0]
    numpy.testing.assert_allclose(explain(nlp, doc).logits, logits, atol=1e-5)


def test_leaving_out_is_tagging_again_one_by_one(trained, explanation):
    whole = by_hand(trained, WORDS)
    for left_out in range(len(WORDS)):
        others = [i for i in range(len(WORDS)) if i != left_out]
        without = by_hand(trained, [WORDS[i] for i in others])
        for head in HEADS:
            for place, i in enumerate(others):
                label = explanation.probabilities[head][i].argmax()
                change = without[head][place, label] - whole[head][i, label]
                assert explanation.left_out[head][left_out, i] == pytest.approx(change, abs=1e-6)
            assert numpy.isnan(explanation.left_out[head][left_out, left_out])


@pytest.mark.parametrize("head", HEADS)
def test_attributions_add_up(explanation, head):
    attributions, parts = explanation.attributions[head], explanation.parts[head]
    numpy.testing.assert_allclose(attributions.sum(1), explanation.differences[head], rtol=0.01, atol=0.001)
    numpy.testing.assert_allclose(parts.sum(1), attributions.diagonal(), rtol=0.01, atol=0.01)
    spelled = [scores.sum() for scores in explanation.characters[head]]
    at = explanation.part_names.index("characters")
    numpy.testing.assert_allclose(spelled, parts[:, at], atol=1e-4)


def test_words_are_known_or_not(explanation):
    known = dict(zip(WORDS, explanation.lexicon))
    counts = {
        word: sum(s["words"].count(w) for s in SENTENCES for w in (word, word.lower())) for word in ("The", "dog")
    }
    assert known["The"].frequency == counts["The"] == 2 and known["dog"].frequency == 1
    assert known["The"].frequency_class == 0 and known["dog"].frequency_class == 1
    assert known["zyzzyva's"].frequency == 0 and known["zyzzyva's"].frequency_class is None


def test_neighbours_are_other_words_by_cosine(trained):
    explanation = explain(trained, "dog Dog", candidates=["dogs", "apples", "everybody"])
    tagger = find_tagger(trained)
    for known in explanation.lexicon:
        words, cosines = zip(*known.neighbours)
        assert set(words) == {"dogs", "apples", "everybody"}
        assert list(cosines) == sorted(cosines, reverse=True) and max(cosines) <= 1 + 1e-6
    # One whose vector is the very same is nearest: characters, affixes and shape decide about unknown words.
    near = explain(trained, "qwerty", candidates=["qwertz", "books", "."]).lexicon[0].neighbours
    assert near[0][0] == "qwertz"
    assert "qwerty" not in tagger.vocabulary


def test_without_the_text_of_most_known_words_there_are_no_neighbours():
    nlp = load_pipeline("en")  # of its 30,865 words some 400 have text, as exceptions of spaCy's tokenizer
    assert explain(nlp, "to").lexicon[0].neighbours == []
    assert explain(nlp, "to", candidates=["from"]).lexicon[0].neighbours[0][0] == "from"


def test_representation_is_a_line(explanation):
    assert repr(explanation).startswith("<Explanation of 6 words: The/")
    assert len(repr(explanation)) < 150 and "\n" not in repr(explanation)


def test_sentences_are_read_apart(trained):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("lstm_tagger", source=trained)
    candidates = ["Yes", "!", "The", "dog", "ate", "."]
    both = explain(nlp, "Yes ! The dog ate .", candidates=candidates)
    alone = explain(nlp, "The dog ate .", candidates=candidates)
    assert both.sentence.tolist() == [0, 0, 1, 1, 1, 1]
    numpy.testing.assert_array_equal(both.states[..., 2:, :], alone.states)
    for head in HEADS:
        attributions = both.attributions[head]
        numpy.testing.assert_allclose(attributions[2:, 2:], alone.attributions[head], rtol=0.02, atol=0.02)
        assert not attributions[:2, 2:].any() and not both.left_out[head][:2, 2:].any()


def test_shares_of_the_work_add_up_to_all_of_it(trained):
    shares = []
    explain(trained, Doc(trained.vocab, WORDS, sent_starts=[1, 0, 0, 1, 0, 0]), on_progress=shares.append)
    assert len(shares) > 1 and min(shares) >= 0 and sum(shares) == pytest.approx(1)


def test_components_after_the_tagger_change_nothing(trained):
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", source=trained)
    nlp.add_pipe("sentencizer")
    assert explain(nlp, "Yes ! The dog ate .").sentence.tolist() == [0] * 6


def test_given_doc_is_left_as_it_was(trained):
    doc = Doc(trained.vocab, words=["The", "dog"])
    before = doc.to_bytes()
    explain(trained, doc)
    assert doc.to_bytes() == before


def test_one_word(trained):
    explanation = explain(trained, "Run")
    assert explanation.states.shape[4] == 1
    assert numpy.isnan(explanation.left_out["tag"]).all()
    assert "Run" in explanation.to_html()


@pytest.mark.parametrize("text", ["", "  \n"])
def test_text_without_words_is_an_error(trained, text):
    with pytest.raises(ValueError, match="no words"):
        explain(trained, text)


def test_text_of_too_many_words_is_an_error(trained):
    with pytest.raises(ValueError, match=r"4 words, and at most 3 are explained.*max_words"):
        explain(trained, "The dog ate it", max_words=3)
    assert len(explain(trained, "The dog ate it", max_words=4).words) == 4


def test_sentence_longer_than_a_window_is_an_error():
    nlp = make_pipeline(model={**SMALL_MODEL, "window_size": 4, "window_overlap": 2})
    with pytest.raises(ValueError, match="window_size of 4"):
        explain(nlp, "The dog ate the apples")


def test_pipeline_without_the_tagger_is_an_error():
    with pytest.raises(ValueError, match="lstm_tagger"):
        explain(Language(), "The dog")


def test_before_training(trained):
    untrained = make_pipeline()
    explanation = explain(trained, "The dog ate", before=untrained)
    (expected,) = find_tagger(untrained).predict_proba([Doc(untrained.vocab, words=["The", "dog", "ate"])])
    for head in HEADS:
        numpy.testing.assert_array_equal(explanation.before[head], expected[head])


def test_before_training_with_other_labels_is_an_error(trained):
    other = make_pipeline()
    other.get_pipe("lstm_tagger").label_scheme.labels["tag"] = ["X"]
    with pytest.raises(ValueError, match=r"other labels \(tag: 1"):
        explain(trained, "The dog", before=other)


def test_fields_of_the_parts_are_attributes_of_the_explanation(explanation):
    assert explanation.words is explanation.decisions.words
    assert explanation.states is explanation.forward_pass.states
    assert explanation.attributions is explanation.reasons.attributions
    with pytest.raises(AttributeError, match="no attribute 'gates'"):
        _ = explanation.gates


def test_explaining_leaves_the_tagger_as_it_was(trained):
    tagger = find_tagger(trained)
    before = tagger.model.to_bytes()
    explain(trained, TEXT)
    assert tagger.model.to_bytes() == before
