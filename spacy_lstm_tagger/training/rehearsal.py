"""What a tagger knows, as training data: so it does not forget it when it goes on with other data."""

import random
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Sequence, Tuple, Union

import numpy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch

from ..allowed_labels import find_allowed_labels
from ..annotation_layers import LAYERS, TAG_LAYERS
from ..formats.sentence import copy_words, decode, lines
from ..formats.treebank import SUFFIXES, detect_format, read_docs
from ..pipeline.loading import find_tagger
from ..soft_labels import set_soft_labels

# How many of a token's likeliest labels are kept.
N_LABELS = 3
BATCH_SIZE = 256

# Of each layer and token of a doc, labels with their probabilities.
LikeliestLabels = Dict[str, List[List[Tuple[str, float]]]]


# A text that is not tokenized yet, or annotated sentences.
Text = Union[str, Doc]


def read_rehearsal(nlp: Language, path: Path) -> Tuple[Sequence[Text], bool]:
    """Read text to rehearse.

    nlp (Language): The pipeline whose vocab annotated docs have.
    path (Path): Annotated sentences in any format, or UTF-8 text in a file with another suffix than theirs or with
        ".txt", in which each line is a text.
    RETURNS (Tuple[Sequence[Text], bool]): The texts, and whether they are annotated.
    """
    if path.is_dir() or (path.suffix in SUFFIXES and path.suffix != ".txt"):
        return list(read_docs(path, nlp.vocab)), True
    try:
        detect_format(path.read_bytes(), path)
    except ValueError:
        return list(filter(str.strip, lines(decode(path.read_bytes(), path)))), False
    return list(read_docs(path, nlp.vocab)), True


def draw(nlp: Language, texts: Sequence[Text], n_words: int, seed: int) -> List[Doc]:
    """Draw texts at random until they have so many words.

    nlp (Language): The pipeline whose tokenizer cuts texts.
    texts (Sequence[Text]): The texts.
    n_words (int): How many words, of all docs together.
    seed (int): Random seed.
    RETURNS (List[Doc]): The docs, the last of which exceeds the number of words, or all.
    """
    docs: List[Doc] = []
    for text in random.Random(seed).sample(texts, len(texts)):
        docs.append(nlp.make_doc(text) if isinstance(text, str) else text)
        n_words -= len(docs[-1])
        if n_words <= 0:
            break
    return docs


def label_docs(nlp: Language, docs: Iterable[Doc], without: Sequence[str] = ()) -> Iterator[Doc]:
    """Give docs the labels that a pipeline's tagger finds, with their probabilities.

    nlp (Language): The pipeline.
    docs (Iterable[Doc]): The docs. Only their words and sentence boundaries are read.
    without (Sequence[str]): Layers that get no labels.
    YIELDS (Doc): Copies of the docs.
    """
    for doc, labels in _tag(nlp, docs):
        for layer in without:
            doc.from_array([LAYERS[layer]], numpy.zeros(len(doc), dtype="uint64"))  # type: ignore[arg-type]
        set_soft_labels(doc, {layer: tokens for layer, tokens in labels.items() if layer not in without})
        yield doc


def fill_in(nlp: Language, docs: Sequence[Doc]) -> None:
    """Give words the labels that a pipeline's tagger finds, with their probabilities, in the layers where nothing is
    known of them: so what new data lacks is not forgotten.

    nlp (Language): The pipeline.
    docs (Sequence[Doc]): The docs, which are changed.
    """
    for doc, (found, labels) in zip(docs, _tag(nlp, docs)):
        allowed = find_allowed_labels(doc)
        filled = {}
        for layer in set(TAG_LAYERS) & set(labels):
            is_set = doc.to_array(TAG_LAYERS[layer]) != 0
            is_set[[i for i, layers in allowed.items() if layer in layers]] = True
            if not is_set.all():
                filled[layer] = [[] if known else of_token for known, of_token in zip(is_set, labels[layer])]
        set_soft_labels(doc, filled)
        for token, other in zip(doc, found):
            if not token.lemma_:
                token.lemma_ = other.lemma_


def _tag(nlp: Language, docs: Iterable[Doc]) -> Iterator[Tuple[Doc, LikeliestLabels]]:
    """Yield tagged copies of docs, and the likeliest labels."""
    tagger = find_tagger(nlp)
    for batch in minibatch(docs, BATCH_SIZE):
        copies = [copy_words(doc, doc.vocab) for doc in batch]
        labels = tagger.top_k(copies, N_LABELS)
        yield from zip(tagger.pipe(copies), labels)
