"""Measure a trained pipeline on the words of a treebank's dev part and on its text, in several styles, and how well its
probabilities are calibrated.

    python tests/benchmarks/measure_pretrained.py DEV [--model en]

Text goes through the pipeline's own tokenizer. Paragraphs are ten sentences without boundaries.
"""

import argparse
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy
from spacy.language import Language
from spacy.tokens import Doc, Token
from spacy.training import Example
from wasabi import table

from spacy_lstm_tagger.formats.treebank import read_docs
from spacy_lstm_tagger.pipeline.calibration import expected_calibration_error
from spacy_lstm_tagger.pipeline.loading import find_tagger, load_pipeline

SENTENCES_PER_PARAGRAPH = 10
HEADS = {"pos": "UPOS", "tag": "XPOS", "morph": "FEATS"}
# Bands of confidence, by their lower bounds in percent.
BANDS = [50, 60, 70, 80, 90, 95, 98, 100]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dev", type=Path)
    parser.add_argument("--model", default="en", help="directory or package of a pipeline, or a pretrained tagger")
    options = parser.parse_args()
    nlp = load_pipeline(options.model)
    sentences = list(read_docs(options.dev, nlp.vocab))

    rows = []
    for name, examples in styles(nlp, sentences):
        scores = nlp.evaluate(examples)
        rows.append([name, *(f"{100 * scores[f'{head}_acc']:.2f}" for head in HEADS)])
    print(table(rows, header=["", *HEADS.values()], divider=True, aligns=("l", "r", "r", "r")))

    found = calibration(nlp, sentences)
    print("On every other sentence, where the calibration was fitted to the rest: expected calibration error")
    rows = [
        [HEADS[head], *(f"{expected_calibration_error(*pair):.4f}" for pair in pairs)] for head, pairs in found.items()
    ]
    print(table(rows, header=["", "uncalibrated", "calibrated"], divider=True, aligns=("l", "r", "r")))
    print("and by bands of confidence: mean confidence → accuracy (words), in percent")
    rows = [[HEADS[head], *describe_bands(*calibrated)] for head, (_, calibrated) in found.items()]
    header = ["", *(f"{low} to {high}" for low, high in itertools.pairwise(BANDS))]
    print(table(rows, header=header, divider=True, aligns=tuple("l" + "r" * len(BANDS))))


def styles(nlp: Language, sentences: list[Doc]) -> Iterable[tuple[str, list[Example]]]:
    """Yield the sentences as examples: with their own words, as text, and in other styles."""
    yield "treebank's words", [Example(copy_words(nlp, doc, str), doc) for doc in sentences]
    yield "text, by sentence", [Example(nlp.make_doc(doc.text), doc) for doc in sentences]
    paragraphs = [
        Doc.from_docs(sentences[i : i + SENTENCES_PER_PARAGRAPH])
        for i in range(0, len(sentences), SENTENCES_PER_PARAGRAPH)
    ]
    yield "text, in paragraphs", [Example(nlp.make_doc(doc.text), doc) for doc in paragraphs]
    changes: dict[str, Callable[[str], str]] = {
        "headlines": lambda word: word[:1].upper() + word[1:],
        "lower-cased": str.lower,
        "upper-cased": str.upper,
    }
    for name, change in changes.items():
        yield f"words, {name}", [Example(copy_words(nlp, doc, change), same_words(doc, change)) for doc in sentences]


def copy_words(nlp: Language, doc: Doc, change: Callable[[str], str]) -> Doc:
    words = [change(token.text) for token in doc]
    return Doc(nlp.vocab, words=words, spaces=[bool(token.whitespace_) for token in doc])


def same_words(doc: Doc, change: Callable[[str], str]) -> Doc:
    return Doc(
        doc.vocab,
        words=[change(token.text) for token in doc],
        spaces=[bool(token.whitespace_) for token in doc],
        tags=[token.tag_ for token in doc],
        pos=[token.pos_ for token in doc],
        morphs=[str(token.morph) for token in doc],
    )


def calibration(nlp: Language, sentences: list[Doc]) -> dict[str, list[tuple[numpy.ndarray, numpy.ndarray]]]:
    """For each head, without calibration and with it: the words' confidences and whether their labels are right."""
    tagger = find_tagger(nlp)
    fitted_on, measured_on = (
        [Example(copy_words(nlp, doc, str), doc) for doc in itertools.islice(sentences, first, None, 2)]
        for first in (0, 1)
    )
    found: dict[str, list[tuple[numpy.ndarray, numpy.ndarray]]] = {
        head: [] for head in HEADS if tagger.label_data.get(head)
    }
    tagger.calibrate(fitted_on)
    for calibrations in ({}, tagger.calibrations):
        tagger.calibrations = calibrations
        probabilities = tagger.predict_proba([eg.predicted for eg in measured_on])
        for head, pairs in found.items():
            rows = numpy.concatenate([of_doc[head] for of_doc in probabilities])
            labels = numpy.asarray(tagger.label_data[head])[rows.argmax(axis=1)]
            gold = numpy.asarray([label_of(token, head) for eg in measured_on for token in eg.reference])
            pairs.append((rows.max(axis=1), labels == gold))
    return found


def describe_bands(confidence: numpy.ndarray, is_right: numpy.ndarray) -> Iterable[str]:
    """Yield for each band its mean confidence, its accuracy and its number of words."""
    for low, high in itertools.pairwise(BANDS):
        band = (confidence >= low / 100) & ((confidence < high / 100) | (high == BANDS[-1]))
        if band.any():
            yield f"{100 * confidence[band].mean():.1f} → {100 * is_right[band].mean():.1f} ({band.sum():,})"
        else:
            yield "-"


def label_of(token: Token, head: str) -> str:
    return str(token.morph) or "_" if head == "morph" else getattr(token, f"{head}_")


if __name__ == "__main__":
    main()
