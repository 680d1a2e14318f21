"""The layers of annotation: their names, in which attributes of a token they are, and what values they may have."""

from typing import Tuple

from spacy.attrs import MORPH, POS, TAG
from spacy.morphology import Morphology
from spacy.parts_of_speech import IDS as UPOS_IDS

# The layers of annotation, in the order of the network's heads.
LAYERS = {"tag": TAG, "pos": POS, "morph": MORPH}

# What treebanks call them.
NAMES = {"tag": "XPOS", "pos": "UPOS", "morph": "FEATS"}

UPOS = tuple(sorted(name for name in UPOS_IDS if name not in ("", "CONJ", "EOL", "SPACE")))
NO_FEATS = Morphology.EMPTY_MORPH

# The labels of whitespace tokens, as in spaCy.
WHITESPACE = {"tag": "_SP", "pos": "SPACE", "morph": "_"}

# A label of each layer, "" where there is none.
Annotation = Tuple[str, ...]
