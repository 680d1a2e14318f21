"""Sentences that are held out of the training data."""

import random
from pathlib import Path
from typing import Sequence, Tuple

from spacy.tokens import Doc, DocBin

from ..annotation_layers import LAYERS

SHARE = 0.1
# Of fewer sentences, the share is less than one.
MIN_SENTENCES = 10


def hold_out(docs: Sequence[Doc], directory: Path, seed: int) -> Tuple[Path, Path]:
    """Write a random tenth of the docs and the others to two files.

    docs (Sequence[Doc]): At least `MIN_SENTENCES` docs.
    directory (Path): Where the files are written.
    seed (int): Random seed.
    RETURNS (Tuple[Path, Path]): The files for training and development.
    """
    drawn = set(random.Random(seed).sample(range(len(docs)), round(SHARE * len(docs))))
    paths = directory / "train.spacy", directory / "dev.spacy"
    directory.mkdir(parents=True, exist_ok=True)
    for path, held_out in zip(paths, (False, True)):
        part = [doc for i, doc in enumerate(docs) if (i in drawn) == held_out]
        attrs = ["ORTH", "SPACY", *LAYERS.values()]
        DocBin(docs=part, attrs=attrs, store_user_data=True).to_disk(path)
    return paths
