"""The labels of a tagger: their columns in the logits, and what spaCy stores for them in tokens."""

from itertools import accumulate
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy
import srsly
from spacy.parts_of_speech import IDS as UPOS_IDS
from spacy.vocab import Vocab

from ..annotation_layers import LAYERS, SENTENCE_STARTS, TAG_LAYERS, UPOS, WHITESPACE
from ..model.tagging_pass import LATE
from .label_combinations import Combinations
from .lemmas import KnownLemmas, Lemmatizer, Words

# The labels of each layer, in the order of the head's columns.
Labels = Dict[str, List[str]]
TagMap = Union[Mapping[str, str], str]


SENTENCE_VALUES = numpy.array([*SENTENCE_STARTS.values(), SENTENCE_STARTS[WHITESPACE["sents"]]], dtype="uint64")


class LabelScheme:
    """The labels of each head, their combinations, and the UPOS tags that follow from fine-grained tags.

    A head's index of a label is its column in that head's logits. The logits of all heads stand side by side, in the
    order of LAYERS; in training, those of several members and samples follow each other.
    """

    def __init__(
        self,
        vocab: Vocab,
        labels: Mapping[str, Sequence[str]],
        combinations: Optional[Mapping[int, int]] = None,
        *,
        known_lemmas: Optional[KnownLemmas] = None,
        tag_map: Optional[TagMap] = None,
        consistent: bool = True,
    ) -> None:
        """Set up the labels, and add them to the vocab.

        vocab (Vocab): The vocab of the docs that are annotated.
        labels (Mapping[str, Sequence[str]]): The labels of each head; a layer without labels has no head.
        combinations (Optional[Mapping[int, int]]): The labels that occur together, from `collect_combinations`.
        known_lemmas (Optional[KnownLemmas]): Words that get their lemmas without the network.
        tag_map (Optional[TagMap]): The UPOS tag of each fine-grained tag, used where there is no head for UPOS.
        consistent (bool): Whether a token only gets labels that occur together.
        """
        self.labels: Labels = {layer: list(labels[layer]) for layer in LAYERS if labels.get(layer)}
        self.combinations = dict(combinations or {})
        # The fine-grained tags that a UPOS tag follows from.
        self._mapped_tags = self.labels.get("tag", []) if tag_map is not None and "pos" not in self.labels else []
        # The path of a map is only read when it is needed: a saved tagger has its own map, and the file may be gone.
        self.tag_map: Optional[Dict[str, str]] = None
        if tag_map is not None and (self._mapped_tags or isinstance(tag_map, Mapping)):
            self.tag_map = read_tag_map(tag_map)

        ends = list(accumulate(self.n_labels.values()))
        self._columns = [slice(start, end) for start, end in zip([0, *ends], ends)]
        self._tag_heads = [layer for layer in self.labels if layer in TAG_LAYERS]
        n_tags = [len(self.labels[layer]) for layer in self._tag_heads]
        self._combinations = Combinations(self.combinations if consistent and n_tags else {}, n_tags)
        self.known_lemmas: Optional[KnownLemmas] = None
        self.lemmatizer: Optional[Lemmatizer] = None
        if "lemma" in self.labels:
            self.known_lemmas = known_lemmas
            self.lemmatizer = Lemmatizer(self.labels["lemma"], known_lemmas)
        # What spaCy stores for each label; the last value, at index -1, is that of whitespace.
        names = {layer: [*self.labels[layer], WHITESPACE[layer]] for layer in self._tag_heads}
        if self._mapped_tags:
            names["pos"] = [*((self.tag_map or {}).get(tag, "X") for tag in self._mapped_tags), WHITESPACE["pos"]]
        self._tag_values = {layer: label_values(vocab, layer, of_layer) for layer, of_layer in names.items()}
        # shape: (n_combinations, number of layers of tags)
        self._combination_values = self._to_tags(self._combinations.indices)

    @property
    def n_labels(self) -> Dict[str, int]:
        """RETURNS (Dict[str, int]): The number of each head's labels."""
        return {layer: len(labels) for layer, labels in self.labels.items()}

    @property
    def layers(self) -> List[str]:
        """RETURNS (List[str]): The layers that are annotated: those of the heads, and UPOS if it follows from tags."""
        return [*self._tag_values, *(layer for layer in self.labels if layer not in TAG_LAYERS)]

    @property
    def attributes(self) -> List[int]:
        """RETURNS (List[int]): The layers' attributes of a token, in the same order."""
        return [LAYERS[layer] for layer in self.layers]

    @property
    def unmapped_tags(self) -> List[str]:
        """RETURNS (List[str]): The fine-grained tags that need a UPOS tag and have none in the tag map."""
        return [tag for tag in self._mapped_tags if tag not in (self.tag_map or {})]

    def split_heads(self, logits: numpy.ndarray) -> List[numpy.ndarray]:
        """RETURNS (List[numpy.ndarray]): Each head's logits, shape (n_tokens, n_labels of the head)."""
        return [logits[:, columns] for columns in self._columns]

    def split_early_heads(self, logits: numpy.ndarray) -> Dict[str, numpy.ndarray]:
        """RETURNS (Dict[str, numpy.ndarray]): Each head's logits, from those of all heads but `LATE` side by side."""
        n_labels = {layer: n for layer, n in self.n_labels.items() if layer != LATE}
        return dict(zip(n_labels, numpy.split(logits, list(accumulate(n_labels.values()))[:-1], axis=1)))

    def split_members(self, logits: numpy.ndarray) -> List[List[numpy.ndarray]]:
        """RETURNS (List[List[numpy.ndarray]]): Each head's logits, for each member and sample of training."""
        members = numpy.split(logits, logits.shape[1] // self._columns[-1].stop, axis=1)
        return [self.split_heads(member) for member in members]

    def choose(
        self,
        logits: Dict[str, numpy.ndarray],
        words: Optional[Words] = None,
        given: Optional[numpy.ndarray] = None,
        score_trees: Optional[Callable[[numpy.ndarray], numpy.ndarray]] = None,
    ) -> Tuple[numpy.ndarray, Optional[numpy.ndarray]]:
        """Find each token's likeliest labels that occur together, and the likeliest edit tree that can be applied.

        logits (Dict[str, numpy.ndarray]): Each head's logits. Those of tokens whose likeliest labels do not occur
            together are changed in place, see `Combinations.reconcile` and `Lemmatizer.choose`.
        words (Optional[Words]): The words, which lemmas are made of. None where there is no head for lemmas.
        given (Optional[numpy.ndarray]): The values of `attributes` that tokens keep, 0 where they have none. The other
            labels of a token are chosen among those that occur together with them. Shape (n_tokens, n_attributes).
        score_trees (Optional[Callable[[numpy.ndarray], numpy.ndarray]]): Gives the logits of edit trees for some of the
            tokens, where `logits` has none.
        RETURNS (Tuple[numpy.ndarray, Optional[numpy.ndarray]]): The labels' indices, int64, shape (n_tokens, n_heads),
            and the hashes of the lemmas, uint64, shape (n_tokens,), if there are words.
        """
        tag_logits = [logits[layer] for layer in self._tag_heads]
        if given is not None and len(self._combination_values):
            tags = given[:, : len(self._tag_values)]
            is_given = tags != 0
            (rows,) = (is_given.any(axis=1) & ~is_given.all(axis=1)).nonzero()
            if len(rows):
                differs = (self._combination_values[:, None] != tags[rows]) & is_given[rows]
                self._combinations.restrict(tag_logits, rows, differs.sum(axis=2))
        columns: Dict[str, numpy.ndarray] = {}
        if self._tag_heads:
            columns.update(zip(self._tag_heads, self._combinations.reconcile(tag_logits).T))
        if "sents" in self.labels:
            columns["sents"] = logits["sents"].argmax(axis=1)
        lemmas = None
        if self.lemmatizer and words:
            upos = numpy.zeros(len(words.orths), dtype="uint64")
            if "pos" in columns:
                upos = self._tag_values["pos"][columns["pos"]]
            columns["lemma"], lemmas = self.lemmatizer.choose(words, upos, logits.get("lemma"), score_trees)
        elif "lemma" in self.labels:
            columns["lemma"] = numpy.full_like(next(iter(columns.values())), -1)
        return numpy.column_stack([columns[layer] for layer in self.labels]).astype("int64", copy=False), lemmas

    def occur_together(self, allowed: Mapping[str, Sequence[str]]) -> bool:
        """RETURNS (bool): Whether some labels among those that are allowed, by layer, occur together."""
        indices = self._combinations.indices
        if not len(indices):
            return all(allowed.values())
        is_allowed = numpy.ones(len(indices), dtype=bool)
        for head, layer in enumerate(self._tag_heads):
            if layer in allowed:
                is_allowed &= numpy.isin(indices[:, head], [self.labels[layer].index(name) for name in allowed[layer]])
        return bool(is_allowed.any())

    def to_values(self, indices: numpy.ndarray, lemmas: Optional[numpy.ndarray] = None) -> numpy.ndarray:
        """Find what spaCy stores in tokens for their labels.

        indices (numpy.ndarray): The labels' indices, -1 for whitespace. Shape (n_tokens, n_heads).
        lemmas (Optional[numpy.ndarray]): The hashes of the lemmas, if there is a head for them.
        RETURNS (numpy.ndarray): The values of `attributes`. uint64, shape (n_tokens, n_attributes).
        """
        columns = dict(zip(self.labels, indices.T))
        values = [*self._to_tags(indices).T]
        if lemmas is not None:
            values.append(lemmas)
        if "sents" in columns:
            values.append(SENTENCE_VALUES[columns["sents"]])
        return numpy.column_stack(values)

    def _to_tags(self, indices: numpy.ndarray) -> numpy.ndarray:
        """The values of tag layers. Shape (n_tokens, number of layers of tags)."""
        columns = dict(zip(self.labels, indices.T))
        # Where there is no head for UPOS, the tag map gives one for each fine-grained tag.
        rows = [values[columns.get(layer, columns.get("tag"))] for layer, values in self._tag_values.items()]
        return numpy.array(rows, dtype="uint64").reshape(len(rows), len(indices)).T


def label_values(vocab: Vocab, layer: str, labels: Sequence[str]) -> numpy.ndarray:
    """Find what spaCy stores in a token for each label, and add it to the vocab.

    vocab (Vocab): The vocab.
    layer (str): One of `TAG_LAYERS`.
    labels (Sequence[str]): Labels of that layer.
    RETURNS (numpy.ndarray): uint64, shape (n_labels,).
    """
    if layer == "pos":
        values = [UPOS_IDS[label] for label in labels]
    elif layer == "morph":
        values = [vocab.morphology.add(label) for label in labels]
    else:
        values = [vocab.strings.add(label) for label in labels]
    return numpy.asarray(values, dtype="uint64")


def read_tag_map(tag_map: TagMap) -> Dict[str, str]:
    """Read and check a map from fine-grained tags to UPOS tags.

    tag_map (TagMap): The map, or the path of a JSON file that holds it.
    RETURNS (Dict[str, str]): The map. Raises a ValueError for values that are not UPOS tags.
    """
    mapping = srsly.read_json(tag_map) if isinstance(tag_map, (str, Path)) else tag_map
    if not isinstance(mapping, Mapping):
        raise ValueError(f'tag_map {tag_map} must be a JSON object such as {{"NN": "NOUN"}}, not {mapping!r:.80}.')
    wrong = sorted({repr(value) for value in mapping.values() if value not in UPOS})
    if wrong:
        raise ValueError(f"tag_map has values that are not UPOS tags: {', '.join(wrong)}. Use: {', '.join(UPOS)}.")
    return dict(mapping)
