"""Sentences for people to correct, and what they return, in the formats of Prodigy and Label Studio.

Prodigy: JSON lines, https://prodi.gy/docs/api-interfaces#spans_manual
Label Studio: JSON, https://labelstud.io/guide/predictions and https://labelstud.io/guide/export
"""

import json
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple
from xml.sax.saxutils import quoteattr

from spacy.tokens import Doc

from ..annotation_layers import UPOS
from .sentence import Sentence, decode_json, has_half_a_pair, lines

# Names of the controls in Label Studio's configuration.
LABEL, TEXT = "label", "text"

# Of each token that has one, the label: first character, the one after the last, label.
Labelled = List[Tuple[int, int, str]]


def to_prodigy(doc: Doc, layer: str, score: float) -> Dict[str, Any]:
    """Make a task of `spans.manual`, with a span for each word that has a label.

    doc (Doc): A sentence.
    layer (str): "tag" or "pos".
    score (float): How doubtful it is.
    RETURNS (Dict[str, Any]): The task.
    """
    tokens = [
        {"text": word.text, "start": word.idx, "end": word.idx + len(word), "id": word.i, "ws": bool(word.whitespace_)}
        for word in doc
    ]
    spans = [
        {"start": start, "end": end, "token_start": i, "token_end": i, "label": label}
        for i, (start, end, label) in _labels(doc, layer)
    ]
    return {"text": doc.text, "tokens": tokens, "spans": spans, "meta": {"score": round(score, 4)}}


def to_label_studio(doc: Doc, layer: str, score: float, model: str) -> Dict[str, Any]:
    """Make a task with predictions.

    doc (Doc): A sentence.
    layer (str): "tag" or "pos".
    score (float): How doubtful it is.
    model (str): What found the labels.
    RETURNS (Dict[str, Any]): The task.
    """
    result = [
        {
            "id": f"word{i}",
            "from_name": LABEL,
            "to_name": TEXT,
            "type": "labels",
            "value": {"start": start, "end": end, "text": doc.text[start:end], "labels": [label]},
        }
        for i, (start, end, label) in _labels(doc, layer)
    ]
    return {"data": {TEXT: doc.text}, "predictions": [{"model_version": model, "score": 1 - score, "result": result}]}


def label_studio_config(labels: Sequence[str]) -> str:
    """RETURNS (str): The labelling interface for these tasks, as Label Studio's project settings take it."""
    values = "\n".join(f"    <Label value={quoteattr(label)}/>" for label in labels)
    return (
        f'<View>\n  <Labels name="{LABEL}" toName="{TEXT}">\n{values}\n  </Labels>\n'
        f'  <Text name="{TEXT}" value="${TEXT}" granularity="word"/>\n</View>\n'
    )


def read_prodigy(text: str, file: Path) -> Iterator[Sentence]:
    """Read what Prodigy's `db-out` writes. Tasks that were rejected or ignored are left out.

    text (str): The file's content.
    file (Path): The file's name, for errors.
    YIELDS (Sentence): The sentences. Raises a ValueError that names file and line.
    """
    for number, line in enumerate(lines(text), 1):
        if not line.strip():
            continue
        try:
            task = json.loads(line)
            if task.get("answer", "accept") != "accept":
                continue
            words = [(token["start"], token["end"]) for token in task["tokens"]]
            labelled = [(span["start"], span["end"], span["label"]) for span in task.get("spans") or ()]
            yield _to_sentence(task["text"], words, labelled)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            expected = "a task of Prodigy with text, tokens and spans"
            raise ValueError(f"{file}, line {number}: not {expected}: {error!r}.") from None


def read_label_studio(text: str, file: Path) -> Iterator[Sentence]:
    """Read what Label Studio exports as JSON. Of several annotations of a task the last one counts; those that were
    cancelled, and tasks without any, are left out.

    text (str): The file's content.
    file (Path): The file's name, for errors.
    YIELDS (Sentence): The sentences. Raises a ValueError that names file and task.
    """
    tasks = decode_json(text, file)
    if not isinstance(tasks, list):
        raise ValueError(f"{file}, task 1: a list of tasks was expected, not {tasks!r:.60}.")
    for number, task in enumerate(tasks, 1):
        try:
            done = [part for part in task["annotations"] if not part.get("was_cancelled")]
            if not done:
                continue
            values = [part["value"] for part in done[-1]["result"] if part["type"] == "labels"]
            labelled = [(value["start"], value["end"], value["labels"][0]) for value in values]
            yield _to_sentence(task["data"][TEXT], [], labelled)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            expected = "a task of Label Studio with data.text and annotations of labels"
            raise ValueError(f"{file}, task {number}: not {expected}: {error!r}.") from None


def is_prodigy(value: Any) -> bool:
    """RETURNS (bool): Whether a value of JSON looks like a task of Prodigy."""
    return isinstance(value, Mapping) and "tokens" in value and "text" in value


def is_label_studio(value: Any) -> bool:
    """RETURNS (bool): Whether a value of JSON looks like an export of Label Studio."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping) and "annotations" in value[0]


def _labels(doc: Doc, layer: str) -> Iterator[Tuple[int, Tuple[int, int, str]]]:
    for token in doc:
        label = getattr(token, f"{layer}_")
        if label and not token.is_space:
            yield token.i, (token.idx, token.idx + len(token), label)


def _to_sentence(text: str, words: Sequence[Tuple[int, int]], labelled: Labelled) -> Sentence:
    """Words are those that are given and those that have labels; what is left is split at spaces, without labels."""
    labels = {(start, end): label for start, end, label in labelled}
    if not all(isinstance(part, str) for part in (text, *labels.values())) or has_half_a_pair(
        "".join([text, *labels.values()])
    ):
        raise ValueError("text and labels must be strings of whole characters")
    if not all(type(number) is int for span in (*words, *labels) for number in span):
        raise ValueError("words must have whole numbers as first and last characters")
    spans = sorted({*words, *labels})
    for (_, end), (start, _) in zip([(0, 0), *spans], spans):
        if not 0 <= end <= start:
            raise ValueError(f"words overlap at character {start}")
    if spans and not (all(start < end for start, end in spans) and spans[-1][1] <= len(text)):
        raise ValueError(f"a word ends beyond the text, or is empty: {spans[-1]}")
    spans = [span for span in _fill_gaps(text, spans) if text[slice(*span)].strip()]
    if not spans:
        raise ValueError("there are no words")
    names = [labels.get(span, "") for span in spans]
    starts = [start for start, _ in spans[1:]] + [len(text)]
    spaces = [end < start for (_, end), start in zip(spans, starts)]
    is_upos = set(names) - {""} <= set(UPOS)
    layers = {"pos": names, "tags": None} if is_upos else {"pos": None, "tags": names}
    return Sentence([text[start:end] for start, end in spans], spaces, **layers)  # type: ignore[arg-type]


def _fill_gaps(text: str, spans: Sequence[Tuple[int, int]]) -> Iterator[Tuple[int, int]]:
    position = 0
    for start, end in [*spans, (len(text), len(text))]:
        while position < start:
            word = text[position:start].split(maxsplit=1)
            if not word:
                break
            first = text.index(word[0], position)
            position = first + len(word[0])
            yield first, position
        position = end
        yield start, end
