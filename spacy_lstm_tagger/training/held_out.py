"""Sentences that are held out of the training data."""

import random
from pathlib import Path
from typing import Iterable, List, Sequence, Tuple, TypeVar

from spacy.tokens import Doc, DocBin

from ..annotation_layers import LAYERS

SHARE = 0.1
# Of fewer sentences, the share is less than one.
MIN_SENTENCES = 10

T = TypeVar("T")


def hold_out(docs: Sequence[T], seed: int) -> Tuple[List[T], List[T]]:
    """Hold out a random tenth.

    docs (Sequence[T]): At least `MIN_SENTENCES` docs, or texts.
    seed (int): Random seed.
    RETURNS (Tuple[List[T], List[T]]): The others, and the docs that are held out.
    """
    drawn = set(random.Random(seed).sample(range(len(docs)), round(SHARE * len(docs))))
    return [doc for i, doc in enumerate(docs) if i not in drawn], [doc for i, doc in enumerate(docs) if i in drawn]


def write_docs(docs: Iterable[Doc], path: Path) -> Path:
    """Write docs with all that is learned from them.

    docs (Iterable[Doc]): The docs.
    path (Path): The file, which is replaced.
    RETURNS (Path): The file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    DocBin(docs=docs, attrs=["ORTH", "SPACY", *LAYERS.values()], store_user_data=True).to_disk(path)
    return path
