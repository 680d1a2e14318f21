"""Compare what pipelines find in a treebank's text: words, sentences, UPOS, XPOS, FEATS and lemmas.

    python tests/benchmarks/measure_analysis.py en_ewt-ud-dev.conllu en en_fast en_core_web_sm [--lower-case]

On the treebank's words and sentences, accuracies. On its text, in documents of up to a thousand words, or in paragraphs
where they are known, F-scores as in the CoNLL 2018 shared task: a word is right if it has the characters of one of the
treebank's, and the same label. "AllTags" is UPOS, XPOS and FEATS together. In percent. With --lower-case all letters
are small, as people write in a hurry.
"""

import argparse
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.scorer import PRFScore
from spacy.tokens import Doc, Token
from spacy.training import Example
from wasabi import msg

from spacy_lstm_tagger.annotation_layers import NAMES
from spacy_lstm_tagger.commands.evaluate import WORDS_OF_DOCUMENT
from spacy_lstm_tagger.formats.raw_text import is_raw_text
from spacy_lstm_tagger.formats.sentence import copy_words
from spacy_lstm_tagger.formats.treebank import create_treebank_v1
from spacy_lstm_tagger.pipeline.loading import load_pipeline
from spacy_lstm_tagger.pipeline.scorer import lstm_tagger_score, score_raw_text
from spacy_lstm_tagger.shipped import PRETRAINED


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="CoNLL-U file")
    parser.add_argument("models", nargs="+", help="directories or packages of pipelines, or pretrained taggers")
    parser.add_argument("--lower-case", action="store_true")
    arguments = parser.parse_args()
    on_words, on_text = [], []
    for model in arguments.models:
        nlp = load_pipeline(model) if model in PRETRAINED else spacy.load(model, exclude=["ner"])
        scores, raw = measure(nlp, arguments.data, arguments.lower_case)
        on_words.append([model, *(percent(scores[f"{layer}_acc"]) for layer in ("pos", "tag", "morph", "lemma"))])
        on_text.append([model, *(percent(raw[name].fscore if name in raw else None) for name in COLUMNS)])
    header = ["pipeline", *(NAMES[layer] for layer in ("pos", "tag", "morph", "lemma"))]
    msg.table(on_words, header=header, divider=True, aligns=tuple("lrrrr"), title="The treebank's words, accuracy")
    header = ["pipeline", *COLUMNS.values()]
    msg.table(on_text, header=header, divider=True, aligns=tuple("lrrrrrrr"), title="Its text, F-score")


COLUMNS = {
    "words": "words",
    "sents": "sentences",
    "pos": "UPOS",
    "tag": "XPOS",
    "morph": "FEATS",
    "lemma": "LEMMA",
    "all": "AllTags",
}


def measure(nlp: Language, data: Path, lower_case: bool = False) -> tuple[dict[str, Any], dict[str, PRFScore]]:
    """Accuracies on given words, and F-scores on raw text."""
    read = create_treebank_v1(data, multiword="split", raw_text=True, documents=WORDS_OF_DOCUMENT, gold_preproc=True)
    given: list[Example] = []
    raw: list[Example] = []
    for eg in (change_case(eg, nlp) for eg in read(nlp)) if lower_case else read(nlp):
        if is_raw_text(eg):
            eg.predicted = nlp(eg.predicted)
            raw.append(eg)
        else:
            for token in eg.predicted:
                token.is_sent_start = token.i == 0
            eg.predicted = nlp(eg.predicted)
            given.append(eg)
    scores = score_raw_text(raw)
    for name, describe in (("words", lambda token: token.text), ("all", all_tags)):
        scores[name] = PRFScore()
        for eg in raw:
            docs = (eg.predicted, eg.reference)
            predicted, gold = ({(t.idx, describe(t)) for t in doc if not t.is_space} for doc in docs)
            scores[name].score_set(predicted, gold)
    return lstm_tagger_score(given), scores


def change_case(eg: Example, nlp: Language) -> Example:
    """The example with its words in lower case."""
    words = [token.text.lower() for token in eg.reference]
    spaces = [bool(token.whitespace_) for token in eg.reference]
    attributes: list[int | str] = ["TAG", "POS", "MORPH", "LEMMA", "SENT_START"]
    reference = Doc(nlp.vocab, words, spaces, user_data=eg.reference.user_data)
    annotation: Any = eg.reference.to_array(attributes)
    reference.from_array(attributes, annotation)
    return Example(nlp.make_doc(reference.text) if is_raw_text(eg) else copy_words(reference, nlp.vocab), reference)


def all_tags(token: Token) -> tuple[str, ...]:
    return token.text, token.pos_, token.tag_, str(token.morph)


def percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f}"


if __name__ == "__main__":
    main()
