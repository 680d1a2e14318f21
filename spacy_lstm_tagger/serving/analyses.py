"""What the service computes: texts with labels, reasons for labels, and pages about the network, as JSON and HTML."""

import json
from contextlib import contextmanager
from functools import cached_property
from threading import Lock
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, TypeVar, Union

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from ..annotation_layers import LAYERS
from ..explain.decisions import Decisions, decide
from ..explain.explanation import explain, prepare
from ..explain.reasons import leave_out
from ..pipeline.loading import find_tagger, load_pipeline
from .limits import Limits

# Probabilities are rounded to so many digits.
DIGITS = 4
# How many of a word's likeliest labels are told, and how many of the words that its label depends on.
N_LABELS = 5
N_REASONS = 5
# A word of less influence on a probability is not told.
LEAST_CHANGE = 0.01

Answer = TypeVar("Answer")


class TaggedText(NamedTuple):
    """A text with its labels.

    json (str): An object of `text` and `tokens`.
    n_tokens (int): How many tokens it has.
    """

    json: str
    n_tokens: int


class Analyses:
    """Computes with one pipeline. Each text's answer is what it is alone, and nothing of the texts is kept."""

    def __init__(self, model: str, limits: Limits) -> None:
        """Load the pipeline.

        model (str): Its directory or package, or the name of a tagger that ships with this package.
        limits (Limits): How many words are explained.
        """
        self.model = model
        self.nlp = load_pipeline(model, store_confidence=True)
        self.nlp.max_length = max(self.nlp.max_length, limits.max_characters)
        self._limits = limits
        self._lock = Lock()

    def tag(self, texts: List[str]) -> List[Union[TaggedText, Exception]]:
        """RETURNS (List[Union[TaggedText, Exception]]): The texts with labels, or why one cannot be tagged."""
        with self._use() as nlp:
            try:
                return [_describe_doc(doc) for doc in nlp.pipe(texts)]
            except Exception:  # of any component, and of one text perhaps
                return [_attempt(lambda text: _describe_doc(nlp(text)), text) for text in texts]

    def explain(self, texts: List[str]) -> List[Union[str, Exception]]:
        """RETURNS (List[Union[str, Exception]]): For each text a JSON object of `text` and `words`: their labels, and
        on which other words these depend. A ValueError if there are no words, or too many."""
        with self._use() as nlp:
            return [_attempt(lambda text: _describe_reasons(nlp, text, self._limits), text) for text in texts]

    def look_inside(self, texts: List[str]) -> List[Union[str, Exception]]:
        """RETURNS (List[Union[str, Exception]]): For each text the page of `Explanation.to_html`. A ValueError as for
        `explain`. It takes seconds, for which other threads need not wait: it has a pipeline of its own."""
        nlp, max_words = self._second_pipeline, self._limits.max_words_inside
        with nlp.memory_zone():
            return [_attempt(lambda text: explain(nlp, text, max_words=max_words).to_html(), text) for text in texts]

    @contextmanager
    def _use(self) -> Iterator[Language]:
        """Compute while no other thread does: memory zones are the whole vocab's, and its docs cannot leave them."""
        with self._lock, self.nlp.memory_zone():
            yield self.nlp

    @cached_property
    def _second_pipeline(self) -> Language:
        return load_pipeline(self.model)


def _attempt(analyse: Callable[[str], Answer], text: str) -> Union[Answer, Exception]:
    try:
        return analyse(text)
    except Exception as error:  # of any component
        return error


def _describe_doc(doc: Doc) -> TaggedText:
    has_sentences = doc.has_annotation("SENT_START") or len(doc) == 1
    tokens = [
        {
            "text": token.text,
            "start": token.idx,
            "end": token.idx + len(token),
            "whitespace": bool(token.whitespace_),
            "tag": token.tag_,
            "pos": token.pos_,
            "morph": str(token.morph),
            "lemma": token.lemma_,
            "sent_start": bool(token.is_sent_start) if has_sentences else None,
            "confidence": _find_confidence(doc, token.idx),
        }
        for token in doc
    ]
    return TaggedText(json.dumps({"text": doc.text, "tokens": tokens}, ensure_ascii=False), len(tokens))


def _find_confidence(doc: Doc, start: int) -> Dict[str, float]:
    """The confidences of a token, from where spaCy keeps extension attributes: much faster than `token._`."""
    user_data: Dict[Any, Any] = doc.user_data
    values = {layer: user_data.get(("._.", f"{layer}_confidence", start, None)) for layer in LAYERS}
    return {layer: round(value, DIGITS) for layer, value in values.items() if value is not None}


def _describe_reasons(nlp: Language, text: str, limits: Limits) -> str:
    tagger = find_tagger(nlp)
    decisions = decide(tagger, prepare(nlp, text), None, limits.max_explained_words)
    left_out = leave_out(tagger, decisions)
    words: List[Dict[str, Any]] = []
    end = 0
    for number, word in enumerate(decisions.words):
        start = decisions.text.index(word, end)
        end = start + len(word)
        labels = {layer: _describe_label(decisions, left_out[layer], number, layer) for layer in decisions.labels}
        words.append({"text": word, "start": start, "end": end, "labels": labels})
    return json.dumps({"text": decisions.text, "words": words}, ensure_ascii=False)


def _describe_label(decisions: Decisions, left_out: numpy.ndarray, word: int, layer: str) -> Dict[str, Any]:
    """A word's likeliest labels of a layer, and the words without which the first one's probability changes most."""
    table = decisions.probabilities[layer][word]
    likeliest = numpy.argsort(-table, kind="stable")[:N_LABELS].tolist()
    without = table[likeliest[0]] * numpy.exp(left_out[:, word])
    changes = numpy.abs(without - table[likeliest[0]])
    reasons = numpy.argsort(-changes, kind="stable")[:N_REASONS].tolist()  # NaN, the word itself, comes last
    return {
        "likeliest": [
            {"label": decisions.describe(layer, word, label), "probability": round(float(table[label]), DIGITS)}
            for label in likeliest
        ],
        "without": [
            {"word": other, "probability": round(float(without[other]), DIGITS)}
            for other in reasons
            if changes[other] >= LEAST_CHANGE
        ],
    }
