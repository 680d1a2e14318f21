"""Lemmas as labels: edit trees, each of which makes the lemmas of many words.

Edit trees: Chrupała (2008), http://doras.dcu.ie/550/, as spaCy's `trainable_lemmatizer` has them. A lemma without
capitals, or with an initial one alone, is made of the word in lower case, so that a word has the same tree at the
beginning of a sentence, in a heading, and where no capitals are written. No lemma with an initial capital alone is made
of a word with small letters that has capitals behind its initial ones ("McLean", "US-President"). A tree that cannot be
applied to a word as it is written, such as one for "isn't" to a word with a typographic apostrophe, is applied to its
normal spelling.
"""

import json
from collections import Counter
from functools import lru_cache
from typing import (
    Any,
    Callable,
    Collection,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

import numpy
import srsly
from spacy.attrs import LOWER, ORTH
from spacy.pipeline._edit_tree_internals.edit_trees import EditTrees
from spacy.strings import StringStore, get_string_id
from spacy.tokens import Doc

from ..annotation_layers import UPOS_IDS
from ..model.normalization import normalize
from .hash_tables import find_numbers, is_hash_table, is_in
from .token_attributes import get_attributes

# The letters' case of a lemma, see `find_tree`.
Case = Union[bool, str]
TITLE = "title"
# What spaCy's edit trees have in the place of a part that is empty.
NOTHING = 2**32 - 1
# The logit of a tree that cannot be applied.
INAPPLICABLE = -1e4
# What a known lemma adds to the logit of a tree, and how many of a word's trees it can be of.
BONUS = 3.0
MOST_CANDIDATES = 6
# The most trees of words that are known.
MOST_TREES = 2**16
NONE = numpy.zeros(0, dtype="uint64")
# How many pairs of a word and a tree have their lemmas kept.
MOST_KEPT = 2**17


@lru_cache(2**16)
def find_tree(form: str, lemma: str, with_titles: bool = True) -> str:
    """Find the edit tree that makes a lemma of a word.

    form (str): The word.
    lemma (str): Its lemma.
    with_titles (bool): Whether the case can be "title".
    RETURNS (str): The tree, a label: a JSON list of the letters' case and the root. The case is true if the tree makes
        the lemma of the word in lower case, "title" if that then gets an initial capital, and false if it makes it of
        the word as it is. A node is [prefix length, suffix length, tree of the prefix, tree of the suffix] or
        [original, replacement].
    """
    trees = EditTrees(strings := StringStore())
    in_lower_case = to_lower(lemma)
    case: Case = lemma == in_lower_case
    if with_titles and not (case or _is_mixed(form)) and _with_initial_capital(in_lower_case, form) == lemma:
        case = TITLE
    root = trees.add(to_lower(form), in_lower_case) if case else trees.add(form, lemma)
    return json.dumps([case, _nest(trees, strings, root)], ensure_ascii=False, separators=(",", ":"))


def makes_titles(trees: Collection[str]) -> bool:
    """RETURNS (bool): Whether further trees can have the case "title": in taggers that were trained before there was
    that, the same lemmas have other trees."""
    return not trees or any(tree.startswith(f'["{TITLE}"') for tree in trees)


def to_lower(text: str) -> str:
    """RETURNS (str): A word in lower case; unlike with `str.lower`, İ is one letter there too."""
    return text.lower().replace("i\u0307", "i")


def _with_initial_capital(lemma: str, form: str) -> str:
    """A lemma in lower case with its first letter as a word has it, if that is a capital: Turkish has two for "i"."""
    is_same = form[:1].isupper() and to_lower(form[:1]) == lemma[:1]
    return (form[:1] if is_same else lemma[:1].title()) + lemma[1:]


def _is_mixed(form: str) -> bool:
    """Whether a word with small letters has capitals behind its initial ones."""
    first = next((i for i, letter in enumerate(form) if not letter.isupper()), len(form))
    return form[first:] != to_lower(form[first:]) and form != form.upper()


@lru_cache(2**12)
def apply_tree(tree: str, form: str) -> Optional[str]:
    """Make the lemma of a word.

    tree (str): A label, as `find_tree` returns it.
    form (str): The word.
    RETURNS (Optional[str]): The lemma; None if the tree cannot be applied.
    """
    strings = StringStore([form])
    orths = numpy.array([strings[form]], dtype="uint64")
    (lemma,) = Lemmatizer([tree]).apply(Words(orths, orths, strings), numpy.zeros(1, dtype="int64")).tolist()
    return strings[lemma] if lemma else None


def collect_trees(
    lemmas: Mapping[Tuple[str, str, str], int], min_tree_freq: int, with_titles: bool = True
) -> List[str]:
    """Find the edit trees of training data.

    lemmas (Mapping[Tuple[str, str, str], int]): How often each word occurs with each UPOS tag and lemma.
    min_tree_freq (int): How often a tree must occur.
    with_titles (bool): As for `find_tree`.
    RETURNS (List[str]): The trees, sorted.
    """
    counts: Counter[str] = Counter()
    for (form, _, lemma), count in lemmas.items():
        counts[find_tree(form, lemma, with_titles)] += count
    return sorted(tree for tree, count in counts.items() if count >= min_tree_freq)


class KnownLemmas(NamedTuple):
    """The lemmas of the training data, and the words that always have the same edit tree there, as far as their UPOS
    tag is the same.

    keys (numpy.ndarray): The words with their tags, see `make_keys`; sorted. uint64, shape (n_words,).
    trees (List[str]): The distinct trees.
    numbers (numpy.ndarray): Each word's tree, as its index in `trees`. uint16, shape (n_words,).
    lemmas (numpy.ndarray): The lemmas with their UPOS tags, see `make_keys`; sorted. uint64, shape (n_lemmas,).
    """

    keys: numpy.ndarray
    trees: List[str]
    numbers: numpy.ndarray
    lemmas: numpy.ndarray = NONE

    @classmethod
    def of(cls, tree_by_key: Mapping[int, str], lemmas: Iterable[Tuple[str, str]] = ()) -> "KnownLemmas":
        """RETURNS (KnownLemmas): Words of which the key and the tree are given, and lemmas with their UPOS tags."""
        trees = sorted(set(tree_by_key.values()))[:MOST_TREES]
        number = {tree: i for i, tree in enumerate(trees)}
        known = sorted((key, number[tree]) for key, tree in tree_by_key.items() if tree in number)
        keys, numbers = zip(*known) if known else ((), ())
        of_lemmas = numpy.array(sorted(set(_make_keys(set(lemmas)))), dtype="uint64")
        return cls(numpy.array(keys, dtype="uint64"), trees, numpy.array(numbers, dtype="uint16"), of_lemmas)

    def with_lemmas(self, lemmas: Mapping[Tuple[str, str], str]) -> "KnownLemmas":
        """RETURNS (KnownLemmas): These words and others, of which the lemmas are given by word and UPOS tag."""
        tree_by_key = dict(zip(self.keys.tolist(), (self.trees[number] for number in self.numbers)))
        given = {(form.lower(), upos): find_tree(form, lemma) for (form, upos), lemma in lemmas.items()}
        known = self.of({**tree_by_key, **dict(zip(_make_keys(given), given.values()))})
        return known._replace(lemmas=self.lemmas)

    def grow(self, lemmas: Mapping[Tuple[str, str, str], int], with_upos: bool) -> "KnownLemmas":
        """RETURNS (KnownLemmas): These words and those of further training data, without those that have different
        trees. The arguments are those of `collect_known_lemmas`."""
        tree_by_key = dict(zip(self.keys.tolist(), (self.trees[number] for number in self.numbers)))
        for key, trees in _find_all_trees(lemmas, with_upos, makes_titles(self.trees)).items():
            first, *others = trees
            if not others and tree_by_key.get(key, first) == first:
                tree_by_key[key] = first
            else:
                tree_by_key.pop(key, None)
        known = self.of(tree_by_key, _find_lemmas(lemmas, with_upos))
        return known._replace(lemmas=numpy.union1d(self.lemmas, known.lemmas))

    def to_bytes(self) -> bytes:
        """RETURNS (bytes): The words and trees."""
        arrays = {name: getattr(self, name).tobytes() for name in ("keys", "numbers", "lemmas")}
        return bytes(srsly.msgpack_dumps({**arrays, "trees": self.trees}))

    @classmethod
    def from_bytes(cls, data: bytes) -> "KnownLemmas":
        """RETURNS (KnownLemmas): What `to_bytes` wrote. Raises an error for anything else."""
        parts = srsly.msgpack_loads(data)
        keys = numpy.frombuffer(parts["keys"], dtype="uint64")
        numbers = numpy.frombuffer(parts["numbers"], dtype="uint16")
        # Taggers that were saved before have none.
        lemmas = numpy.frombuffer(parts.get("lemmas", b""), dtype="uint64")
        known = cls(keys, list(parts["trees"]), numbers, lemmas)
        if not (is_hash_table(keys, numbers, len(known.trees)) and (lemmas[1:] > lemmas[:-1]).all()):
            raise ValueError("words and trees do not belong together")
        return known


def make_keys(words: numpy.ndarray, upos: numpy.ndarray) -> numpy.ndarray:
    """Make one number of each word and its tag.

    words (numpy.ndarray): The hashes of words in lower case, or of lemmas. uint64, shape (n_words,).
    upos (numpy.ndarray): spaCy's numbers of their UPOS tags, 0 where there is none. uint64, same shape.
    RETURNS (numpy.ndarray): uint64, same shape.
    """
    return words ^ (upos * numpy.uint64(0x9E3779B97F4A7C15))


def collect_known_lemmas(lemmas: Mapping[Tuple[str, str, str], int], with_upos: bool) -> KnownLemmas:
    """Find the words that always have the same edit tree.

    lemmas (Mapping[Tuple[str, str, str], int]): How often each word occurs with each UPOS tag and lemma.
    with_upos (bool): Whether words with different tags are different words.
    RETURNS (KnownLemmas): The words.
    """
    found = _find_all_trees(lemmas, with_upos, with_titles=True)
    known = {key: trees.pop() for key, trees in found.items() if len(trees) == 1}
    return KnownLemmas.of(known, _find_lemmas(lemmas, with_upos))


def _find_lemmas(lemmas: Iterable[Tuple[str, str, str]], with_upos: bool) -> Set[Tuple[str, str]]:
    return {(lemma, upos if with_upos else "") for _, upos, lemma in lemmas}


def _find_all_trees(lemmas: Iterable[Tuple[str, str, str]], with_upos: bool, with_titles: bool) -> Dict[int, Set[str]]:
    """All trees that each word has, by the word's key."""
    found: Dict[Tuple[str, str], Set[str]] = {}
    for form, upos, lemma in lemmas:
        found.setdefault((form.lower(), upos if with_upos else ""), set()).add(find_tree(form, lemma, with_titles))
    return dict(zip(_make_keys(found), found.values()))


def _make_keys(words: Collection[Tuple[str, str]]) -> List[int]:
    """The keys of words in lower case, or of lemmas, which are given with their UPOS tags."""
    hashes = numpy.array([get_string_id(word) for word, _ in words], dtype="uint64")
    upos = numpy.array([UPOS_IDS[name] for _, name in words], dtype="uint64")
    return make_keys(hashes, upos).tolist()


class Words(NamedTuple):
    """The words of docs.

    orths (numpy.ndarray): Their hashes. uint64, shape (n_words,).
    lower (numpy.ndarray): The hashes of the words in lower case. uint64, shape (n_words,).
    strings (StringStore): Which words these are. It is the docs', and not always the tagger's: spaCy moves components
        from one pipeline to another.
    """

    orths: numpy.ndarray
    lower: numpy.ndarray
    strings: StringStore

    @classmethod
    def of(cls, docs: Sequence[Doc]) -> "Words":
        """RETURNS (Words): The words of docs, at least one."""
        orths, lower = get_attributes(docs, [ORTH, LOWER]).T
        return cls(orths, lower, docs[0].vocab.strings)

    def take(self, rows: numpy.ndarray) -> "Words":
        """RETURNS (Words): Some of the words."""
        return self._replace(orths=self.orths[rows], lower=self.lower[rows])


class Lemmatizer:
    """Makes lemmas by edit trees. What it made is kept."""

    def __init__(self, labels: Sequence[str], known: Optional[KnownLemmas] = None) -> None:
        """Set up the trees. Raises a ValueError for labels that are none.

        labels (Sequence[str]): The trees, as `find_tree` returns them.
        known (Optional[KnownLemmas]): Words that get their trees without the network. Trees that are not among the
            labels are numbered after them.
        """
        strings = StringStore()
        self._trees = EditTrees(strings)
        nodes: List[Dict[str, Any]] = []
        numbers = {label: i for i, label in enumerate(labels)}
        self._n_labels = len(numbers)
        self._known_keys, self._known_labels = NONE, numpy.zeros(0, dtype="int64")
        self._known_lemmas = NONE if known is None else known.lemmas
        if known is not None and len(known.keys):
            by_tree = [numbers.setdefault(tree, len(numbers)) for tree in known.trees]
            self._known_keys, self._known_labels = known.keys, numpy.array(by_tree)[known.numbers]
        trees = map(_read_tree, numbers)
        self._roots = [(case, _flatten(root, strings, nodes)) for case, root in trees]
        self._trees.from_json(nodes)
        self._lemmas: Dict[Tuple[int, int], Optional[str]] = {}

    def choose(
        self,
        words: Words,
        upos: numpy.ndarray,
        logits: Optional[numpy.ndarray],
        score: Optional[Callable[[numpy.ndarray], numpy.ndarray]] = None,
    ) -> Tuple[numpy.ndarray, numpy.ndarray]:
        """Find each word's tree, that of a word that is known, or the likeliest one that can be applied, and its lemma.
        A tree that makes a known lemma is the likelier for it.

        words (Words): The words. Their strings get the lemmas.
        upos (numpy.ndarray): spaCy's numbers of their UPOS tags, 0 where there is none. uint64, shape (n_tokens,).
        logits (Optional[numpy.ndarray]): float32, shape (n_tokens, n_labels); changed in place: trees that cannot be
            applied and are likelier get the logit `INAPPLICABLE`, that of a known lemma `BONUS` more if it is chosen
            for that, and the tree of a word that is known the highest.
        score (Optional[Callable[[numpy.ndarray], numpy.ndarray]]): Gives the logits of some words, if `logits` is None:
            of the words that are not known.
        RETURNS (Tuple[numpy.ndarray, numpy.ndarray]): The trees' numbers, -1 where no tree can be applied, int64, and
            the lemmas' hashes, uint64, shape (n_tokens,).
        """
        labels = self._find_known(words, upos)
        lemmas = numpy.zeros(len(labels), dtype="uint64")
        (known,) = (labels >= 0).nonzero()
        lemmas[known] = self.apply(words.take(known), labels[known])
        known = known[lemmas[known] != 0]
        (others,) = (lemmas == 0).nonzero()
        if len(others):
            of_others = score(others) if logits is None and score is not None else logits[others]  # type: ignore[index]
            labels[others], lemmas[others] = self._choose_likeliest(words.take(others), upos[others], of_others)
            if logits is not None:
                logits[others] = of_others
        if logits is not None:
            likeliest = logits[known].argmax(axis=1)
            is_label = (labels[known] < self._n_labels) & (labels[known] != likeliest)
            rows, first, second = known[is_label], labels[known][is_label], likeliest[is_label]
            logits[rows, first], logits[rows, second] = logits[rows, second], logits[rows, first]
        return labels, lemmas

    def _find_known(self, words: Words, upos: numpy.ndarray) -> numpy.ndarray:
        """The trees of the words that are known, -1 for others. Shape (n_tokens,)."""
        return find_numbers(self._known_keys, self._known_labels, make_keys(words.lower, upos), -1)

    def _choose_likeliest(
        self, words: Words, upos: numpy.ndarray, logits: numpy.ndarray
    ) -> Tuple[numpy.ndarray, numpy.ndarray]:
        labels = logits.argmax(axis=1)
        lemmas = self.apply(words, labels)
        (rows,) = (lemmas == 0).nonzero()
        while len(rows):
            logits[rows, labels[rows]] = INAPPLICABLE
            labels[rows] = logits[rows].argmax(axis=1)
            labels[rows[logits[rows, labels[rows]] == INAPPLICABLE]] = -1
            lemmas[rows] = self.apply(words.take(rows), labels[rows])
            rows = rows[lemmas[rows] == 0]
        if len(self._known_lemmas):
            self._prefer_known_lemmas(words, upos, logits, labels, lemmas)
        return labels, lemmas

    def _prefer_known_lemmas(
        self,
        words: Words,
        upos: numpy.ndarray,
        logits: numpy.ndarray,
        labels: numpy.ndarray,
        lemmas: numpy.ndarray,
    ) -> None:
        """Give words whose lemma is not known the likeliest tree that makes a known one, if it is not much less likely
        than theirs. All arrays but the tags are changed in place."""
        (rows,) = (~is_in(self._known_lemmas, make_keys(lemmas, upos))).nonzero()
        of_rows = logits[rows]
        places, candidates = (of_rows > of_rows.max(axis=1, keepdims=True) - BONUS).nonzero()
        order = numpy.lexsort((-of_rows[places, candidates], places))
        places, candidates = places[order], candidates[order]
        # Each word's first candidate is the tree that it has.
        rank = numpy.arange(len(places)) - numpy.searchsorted(places, places)
        is_next = (rank > 0) & (rank < MOST_CANDIDATES)
        places, candidates = places[is_next], candidates[is_next]
        made = self.apply(words.take(rows[places]), candidates)
        is_known = (made != 0) & is_in(self._known_lemmas, make_keys(made, upos[rows[places]]))
        places, first = numpy.unique(places[is_known], return_index=True)
        changed = rows[places]
        labels[changed], lemmas[changed] = candidates[is_known][first], made[is_known][first]
        logits[changed, labels[changed]] += BONUS

    def apply(self, words: Words, labels: numpy.ndarray) -> numpy.ndarray:
        """Make the lemmas of words.

        words (Words): The words. Their strings get the lemmas.
        labels (numpy.ndarray): The trees' numbers; -1 leaves the word as it is. int64, shape (n_tokens,).
        RETURNS (numpy.ndarray): The lemmas' hashes, 0 where the tree cannot be applied. uint64, same shape.
        """
        if len(self._lemmas) > MOST_KEPT:
            self._lemmas = {}
        # Threads share the lemmas, so the map may be replaced meanwhile.
        lemmas, add = self._lemmas, words.strings.add
        # A word is looked up once, however often it is there.
        _, first, places = numpy.unique(make_keys(words.orths, labels.astype("uint64")), True, True)
        values = numpy.zeros(len(first), dtype="uint64")
        for i, pair in enumerate(zip(words.orths[first].tolist(), labels[first].tolist())):
            if pair not in lemmas:
                lemmas[pair] = self._make_lemma(words.strings[pair[0]], pair[1])
            # Each time: a string may have been removed at the end of a memory zone.
            if lemma := lemmas[pair]:
                values[i] = add(lemma)
        return values[places]

    def _make_lemma(self, form: str, label: int) -> Optional[str]:
        if label < 0:
            return form
        case, root = self._roots[label]
        for spelling in (form, normalize(form)):
            if case == TITLE and _is_mixed(spelling):
                continue
            lemma: Optional[str] = self._trees.apply(root, to_lower(spelling) if case else spelling)
            if lemma is not None:
                return _with_initial_capital(lemma, spelling) if case == TITLE else lemma
        return None


def _nest(trees: EditTrees, strings: StringStore, number: int) -> Any:
    """A node with all that is below it, as `find_tree` writes it."""
    if number == NOTHING:
        return None
    node = trees[number]
    if "orig" in node:
        return [strings[node["orig"]], strings[node["subst"]]]
    below = [_nest(trees, strings, node[name]) for name in ("prefix_tree", "suffix_tree")]
    return [node["prefix_len"], node["suffix_len"], *below]


def _read_tree(label: str) -> Tuple[Case, Any]:
    """Read a label. Raises a ValueError if it is not a tree."""

    def is_tree(node: Any) -> bool:
        if not isinstance(node, list) or len(node) not in (2, 4):
            return node is None
        if len(node) == 2:
            return all(isinstance(part, str) for part in node)
        return all(type(n) is int and 0 <= n < NOTHING for n in node[:2]) and all(map(is_tree, node[2:]))

    try:
        case, root = json.loads(label)
        if (isinstance(case, bool) or case == TITLE) and root is not None and is_tree(root):
            return case, root
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
