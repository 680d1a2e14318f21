"""The layers of annotation: their names, in which attributes of a token they are, and what values they may have."""

from typing import Tuple

from spacy.attrs import LEMMA, MORPH, POS, SENT_START, TAG
from spacy.morphology import Morphology
from spacy.parts_of_speech import IDS as UPOS_IDS

# The layers of annotation, in the order of the network's heads. Other than tags, lemmas are made of the word, and a doc
# has either all sentence boundaries or none.
TAG_LAYERS = {"tag": TAG, "pos": POS, "morph": MORPH}
LAYERS = {**TAG_LAYERS, "lemma": LEMMA, "sents": SENT_START}

# What treebanks call them.
NAMES = {"tag": "XPOS", "pos": "UPOS", "morph": "FEATS", "lemma": "LEMMA", "sents": "sentences"}

# The labels of the layer of sentences, and what spaCy stores for them: 1 and -1.
SENTENCE_STARTS = {"inside": 2**64 - 1, "start": 1}

UPOS = tuple(sorted(name for name in UPOS_IDS if name not in ("", "CONJ", "EOL", "SPACE")))
NO_FEATS = Morphology.EMPTY_MORPH

# The labels of whitespace tokens, as in spaCy.
WHITESPACE = {"tag": "_SP", "pos": "SPACE", "morph": "_", "sents": "inside"}

# A label of each layer of `TAG_LAYERS`, "" where there is none.
Annotation = Tuple[str, ...]
