"""Lemmas as labels: edit trees, each of which makes the lemmas of many words.

Edit trees: Chrupała (2008), http://doras.dcu.ie/550/, as spaCy's `trainable_lemmatizer` has them. A lemma without
capitals is made of the word in lower case, so that a word has the same tree at the beginning of a sentence.
"""

import json
from collections import Counter
from functools import lru_cache
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy
from spacy.pipeline._edit_tree_internals.edit_trees import EditTrees
from spacy.strings import StringStore

# What spaCy's edit trees have in the place of a part that is empty.
NOTHING = 2**32 - 1
# The logit of a tree that cannot be applied.
INAPPLICABLE = -1e4
# How many pairs of a word and a tree have their lemmas kept.
MOST_KEPT = 2**17


@lru_cache(2**16)
def find_tree(form: str, lemma: str) -> str:
    """Find the edit tree that makes a lemma of a word.

    form (str): The word.
    lemma (str): Its lemma.
    RETURNS (str): The tree, a label: a JSON list of whether it is for the word in lower case, and its root. A node is
        [prefix length, suffix length, tree of the prefix, tree of the suffix] or [original, replacement].
    """
    trees = EditTrees(strings := StringStore())
    is_lower = lemma == lemma.lower()
    root = trees.add(form.lower() if is_lower else form, lemma)
    return json.dumps([is_lower, _nest(trees, strings, root)], ensure_ascii=False, separators=(",", ":"))


def collect_trees(pairs: Mapping[Tuple[str, str], int], min_tree_freq: int) -> List[str]:
    """Find the edit trees of training data.

    pairs (Mapping[Tuple[str, str], int]): Words with their lemmas, and how often they occur.
    min_tree_freq (int): How often a tree must occur.
    RETURNS (List[str]): The trees, sorted.
    """
    counts: Counter[str] = Counter()
    for (form, lemma), count in pairs.items():
        counts[find_tree(form, lemma)] += count
    return sorted(tree for tree, count in counts.items() if count >= min_tree_freq)


class Lemmatizer:
    """Makes lemmas by edit trees. What it made is kept."""

    def __init__(self, strings: StringStore, labels: Sequence[str]) -> None:
        """Set up the trees. Raises a ValueError for labels that are none.

        strings (StringStore): The words and lemmas.
        labels (Sequence[str]): The trees, as `find_tree` returns them.
        """
        self._strings = strings
        self._trees = EditTrees(strings)
        nodes: List[Dict[str, Any]] = []
        self._roots = [(is_lower, _flatten(root, strings, nodes)) for is_lower, root in map(_read_tree, labels)]
        self._trees.from_json(nodes)
        self._lemmas: Dict[Tuple[int, int], Optional[str]] = {}

    def choose(self, orths: numpy.ndarray, logits: numpy.ndarray) -> numpy.ndarray:
        """Find the likeliest tree of each word that can be applied to it.

        orths (numpy.ndarray): The words' hashes. uint64, shape (n_tokens,).
        logits (numpy.ndarray): float32, shape (n_tokens, n_labels); changed in place: trees that cannot be applied
            and are likelier get the logit `INAPPLICABLE`.
        RETURNS (numpy.ndarray): The labels' indices; -1 where no tree can be applied. int64, shape (n_tokens,).
        """
        labels = logits.argmax(axis=1)
        rows = numpy.arange(len(labels))
        while len(rows):
            rows = rows[self.apply(orths[rows], labels[rows]) == 0]
            logits[rows, labels[rows]] = INAPPLICABLE
            labels[rows] = logits[rows].argmax(axis=1)
            is_exhausted = logits[rows, labels[rows]] == INAPPLICABLE
            labels[rows[is_exhausted]] = -1
            rows = rows[~is_exhausted]
        return labels

    def apply(self, orths: numpy.ndarray, labels: numpy.ndarray) -> numpy.ndarray:
        """Make the lemmas of words.

        orths (numpy.ndarray): The words' hashes. uint64, shape (n_tokens,).
        labels (numpy.ndarray): The trees' indices; -1 leaves the word as it is. int64, same shape.
        RETURNS (numpy.ndarray): The lemmas' hashes, 0 where the tree cannot be applied. uint64, same shape.
        """
        if len(self._lemmas) > MOST_KEPT:
            self._lemmas = {}
        # Threads share the lemmas, so the map may be replaced meanwhile.
        lemmas, add = self._lemmas, self._strings.add
        values = numpy.zeros(len(orths), dtype="uint64")
        for i, pair in enumerate(zip(orths.tolist(), labels.tolist())):
            if pair not in lemmas:
                lemmas[pair] = self._make_lemma(*pair)
            # Each time: a string may have been removed at the end of a memory zone.
            if lemma := lemmas[pair]:
                values[i] = add(lemma)
        return values

    def _make_lemma(self, orth: int, label: int) -> Optional[str]:
        form = self._strings[orth]
        if label < 0:
            return form
        is_lower, root = self._roots[label]
        lemma: Optional[str] = self._trees.apply(root, form.lower() if is_lower else form)
        return lemma


def _nest(trees: EditTrees, strings: StringStore, number: int) -> Any:
    """A node with all that is below it, as `find_tree` writes it."""
    if number == NOTHING:
        return None
    node = trees[number]
    if "orig" in node:
        return [strings[node["orig"]], strings[node["subst"]]]
    below = [_nest(trees, strings, node[name]) for name in ("prefix_tree", "suffix_tree")]
    return [node["prefix_len"], node["suffix_len"], *below]


def _read_tree(label: str) -> Tuple[bool, Any]:
    """Read a label. Raises a ValueError if it is not a tree."""

    def is_tree(node: Any) -> bool:
        if not isinstance(node, list) or len(node) not in (2, 4):
            return node is None
        if len(node) == 2:
            return all(isinstance(part, str) for part in node)
        return all(type(n) is int and 0 <= n < NOTHING for n in node[:2]) and all(map(is_tree, node[2:]))

    try:
        is_lower, root = json.loads(label)
        if isinstance(is_lower, bool) and root is not None and is_tree(root):
            return is_lower, root
    except (ValueError, TypeError, RecursionError):
        pass
    raise ValueError(f"{label!r:.80} is not an edit tree")


def _flatten(node: Any, strings: StringStore, nodes: List[Dict[str, Any]]) -> int:
    """Add a node, and all below it, to those that spaCy's trees read. Its number is returned."""
    if node is None:
        return NOTHING
    if len(node) == 2:
        nodes.append({"orig": strings.add(node[0]), "subst": strings.add(node[1])})
    else:
        prefix, suffix = (_flatten(part, strings, nodes) for part in node[2:])
        nodes.append({"prefix_len": node[0], "suffix_len": node[1], "prefix_tree": prefix, "suffix_tree": suffix})
    return len(nodes) - 1
