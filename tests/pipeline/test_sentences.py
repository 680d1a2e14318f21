"""The head that finds where sentences begin, in docs that have no boundaries."""

import itertools
from typing import Any, Dict, List

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_lstm_tagger.pipeline.scorer import score_raw_text
from spacy_lstm_tagger.pipeline.targets import MISSING, gold_targets

from ..conftest import SENTENCES, SMALL_MODEL, make_examples, make_pipeline

LABELS = {"sents": ["inside", "start"]}


def join(sentences: Any) -> Dict[str, List[Any]]:
    """A document of some sentences."""
    layers = ("words", "tags", "pos", "morphs")
    document = {layer: list(itertools.chain.from_iterable(s[layer] for s in sentences)) for layer in layers}
    starts = [i == 0 for sentence in sentences for i in range(len(sentence["words"]))]
    return {**document, "sent_starts": starts}


DOCUMENTS = [join(pair) for pair in itertools.permutations(SENTENCES, 2)]


@pytest.fixture(scope="module")
def splitter() -> Language:
    """A pipeline that knows where the sentences of its training data begin. Not to be changed."""
    return make_pipeline(steps=150, sentences=[*DOCUMENTS, *SENTENCES])


def lengths(doc: Doc) -> List[int]:
    return [len(sentence) for sentence in doc.sents]


def test_finds_sentences_of_a_document(splitter: Language) -> None:
    for sentences in itertools.permutations(SENTENCES, 3):
        doc = splitter(Doc(splitter.vocab, words=join(sentences)["words"]))
        assert lengths(doc) == [len(sentence["words"]) for sentence in sentences]


def test_a_doc_that_has_boundaries_keeps_them(splitter: Language) -> None:
    words = join(SENTENCES[:2])["words"]
    doc = Doc(splitter.vocab, words=words, sent_starts=[i in (0, 2) for i in range(len(words))])
    assert lengths(splitter(doc)) == [2, len(words) - 2]


def test_whitespace_begins_no_sentence(splitter: Language) -> None:
    doc = splitter("Run \n Yes !")
    assert [token.text for token in doc if token.is_sent_start] == ["Run", "Yes"]
    assert [sentence.text for sentence in splitter("\n Run").sents] == ["\n Run"]


def test_an_empty_line_ends_a_sentence(splitter: Language) -> None:
    doc = splitter("The dog ate\n\nthe apples.")
    assert [sentence.text.strip() for sentence in doc.sents] == ["The dog ate", "the apples."]


def test_batches_and_saved_models_give_the_same_sentences(splitter: Language, tmp_path: Any) -> None:
    texts = ["Run. Yes! Everybody reads books.", "Run", "", "The dog ate\n\nthe apples. Run"]
    one_by_one = [lengths(splitter(text)) for text in texts]
    assert [lengths(doc) for doc in splitter.pipe(texts)] == one_by_one
    splitter.to_disk(tmp_path)
    assert [lengths(doc) for doc in spacy.load(tmp_path).pipe(texts)] == one_by_one


def test_docs_of_one_sentence_teach_no_boundaries() -> None:
    single = [{**sentence, "sent_starts": [i == 0 for i in range(len(sentence["words"]))]} for sentence in SENTENCES]
    nlp = make_pipeline(sentences=single)
    assert "sents" not in nlp.get_pipe("lstm_tagger").label_data
    assert not nlp("The dog. Run.").has_annotation("SENT_START")


def test_targets_are_unknown_where_they_are_not_wanted() -> None:
    nlp = spacy.blank("en")
    several, single = make_examples(nlp, [join(SENTENCES[:2]), SENTENCES[1]])
    given, _ = make_examples(nlp, [join(SENTENCES[:2]), SENTENCES[1]])
    given.predicted[3].is_sent_start = True
    targets = gold_targets([several, single, given], LABELS)["sents"].tolist()
    assert targets == [1, 0, 0, 0, 0, 0, 1, 0, 0, *[MISSING] * 12]


def test_head_can_be_left_out(splitter: Language) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config={"model": SMALL_MODEL, "heads": ["tag", "pos"]})
    data = splitter.get_pipe("lstm_tagger").to_bytes(exclude=["vocab"])
    nlp.get_pipe("lstm_tagger").from_bytes(data, exclude=["vocab"])
    doc = nlp("Run. Yes!")
    assert doc[0].tag_ and not doc.has_annotation("SENT_START")


def test_probabilities_are_there(splitter: Language) -> None:
    doc = splitter.make_doc("Run. Yes!")
    (probabilities,) = splitter.get_pipe("lstm_tagger").predict_proba([doc])
    assert probabilities["sents"].shape == (len(doc), 2)
    assert numpy.allclose(probabilities["sents"].sum(axis=1), 1)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["Yes", "!", "!", " ", "*", "*", "*", "*", " ", "No", " ", "No"], ["Yes", "*", "No", "No"]),
        (["Celle", "-ci", " ", "(", "1990", "-1991", ")", " ", "Go"], ["Celle", "(", "1990", "Go"]),
        (["Go", "!", '"', " ", '"', "Run", ".", "Yes", '"'], ["Go", '"', "Run", "Yes"]),
        (["去", "他", "。", "她"], ["去", "他", "。", "她"]),
    ],
    ids=["runs", "words and numbers", "quotation marks", "a script without spaces"],
)
def test_no_sentence_begins_within_what_is_written_together(
    monkeypatch: pytest.MonkeyPatch, splitter: Language, words: list[str], expected: list[str]
) -> None:
    """Even if the network finds that each token begins one: tokenizers cut what treebanks do not."""
    tagger = splitter.get_pipe("lstm_tagger")
    written = [word for word in words if word != " "]
    spaces = [after == " " for word, after in zip(words, [*words[1:], ""]) if word != " "]
    doc = Doc(splitter.vocab, words=written, spaces=spaces)
    scored = [part._replace(labels=numpy.ones_like(part.labels)) for part in tagger._score([doc])]
    monkeypatch.setattr(tagger, "_score", lambda docs, *_, **__: scored)
    assert [token.text for token in tagger(doc) if token.is_sent_start] == expected


def test_sentences_are_scored_on_raw_text(splitter: Language) -> None:
    examples = make_examples(splitter, [join(SENTENCES[:2]), SENTENCES[0]])
    for eg, starts in zip(examples, ([0, 6], [0])):
        for i, token in enumerate(eg.predicted):
            token.is_sent_start = i in starts
    assert score_raw_text(examples)["sents"].fscore == 1.0
    examples[0].predicted[3].is_sent_start = True
    score = score_raw_text(examples)["sents"]
    assert (score.tp, score.fp, score.fn) == (2, 2, 1)


def test_sentences_that_the_tokenizer_cuts_otherwise_are_right() -> None:
    """Source: the CoNLL 2018 shared task, where sentences are compared by their characters."""
    vocab = Vocab()
    gold = Doc(vocab, words=["I", "run", "!", "Go", "."], spaces=[True, False, True, False, False])
    predicted = Doc(vocab, words=["I", "run!", "Go."], spaces=[True, True, False], sent_starts=[True, False, True])
    for token in gold:
        token.is_sent_start = token.i in (0, 3)
    assert score_raw_text([Example(predicted, gold)])["sents"].fscore == 1.0
