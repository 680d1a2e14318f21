"""The lemmas of words that the treebank does not have, found in text that is labelled with tags alone.

An edit tree of the treebank makes a lemma of the inflected word that the text has uninflected too: "drained" is of
"drain", which is a verb of the text, and not of "draine".
"""

from collections import Counter
from math import log
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Sequence, Set, Tuple

import numpy
from spacy.strings import StringStore
from spacy.vocab import Vocab
from text import count_words

from spacy_lstm_tagger.formats.treebank import read_docs
from spacy_lstm_tagger.pipeline.lemmas import Lemmatizer, Words, find_tree

# The UPOS tag and the tags of uninflected words, by the tag of inflected ones.
BASES = {
    "NNS": ("NOUN", "NN"),
    **dict.fromkeys(["VBZ", "VBD", "VBN", "VBG"], ("VERB", "VB", "VBP")),
    **dict.fromkeys(["JJR", "JJS"], ("ADJ", "JJ")),
    **dict.fromkeys(["RBR", "RBS"], ("ADV", "RB")),
}
# How often trees, inflected words and their lemmas must occur, and in what part of its occurrences a word has its tag.
MIN_COUNT = 2
SHARE_OF_TAG = 0.1
# By how much the logarithm of a lemma's score must exceed that of the next one.
MARGIN = 1.0


def find_lemmas(tags: Mapping[Tuple[str, str], int], train_path: Path) -> Dict[Tuple[str, str], str]:
    """Find lemmas of words that the treebank lacks.

    tags (Mapping[Tuple[str, str], int]): How often each word has each fine-grained tag, from `label.count_tags`.
    train_path (Path): The treebank.
    RETURNS (Dict[Tuple[str, str], str]): The lemmas of words with their UPOS tags; none where they differ by tag.
    """
    trees: Dict[str, Counter[str]] = {tag: Counter() for tag in BASES}
    in_treebank = set()
    for doc in read_docs(train_path, Vocab()):
        for token in doc:
            in_treebank.add((token.text.lower(), token.pos_))
            if token.tag_ in BASES:
                trees[token.tag_][find_tree(token.text, token.lemma_)] += 1
    total = count_words(tags)
    found: Dict[Tuple[str, str], Set[str]] = {}
    for tag, (upos, *bases) in BASES.items():
        words = [word for word in total if tags.get((word, tag), 0) >= max(MIN_COUNT, SHARE_OF_TAG * total[word])]
        words = [word for word in words if word.isalpha() and (word, upos) not in in_treebank]
        uninflected = count_words({pair: count for pair, count in tags.items() if pair[1] in bases})
        for word, lemma in choose_lemmas(words, trees[tag], uninflected):
            found.setdefault((word, upos), set()).add(lemma)
    return {word: lemmas.pop() for word, lemmas in found.items() if len(lemmas) == 1}


def choose_lemmas(
    words: Sequence[str], trees: Mapping[str, int], uninflected: Mapping[str, int]
) -> Iterator[Tuple[str, str]]:
    """Yield the words that have a likely lemma, with it: one that a frequent tree makes and that is itself frequent."""
    common = [tree for tree, n_words in trees.items() if n_words >= MIN_COUNT]
    lemmatizer, strings = Lemmatizer(common), StringStore()
    orths = numpy.array([strings.add(word) for word in words], dtype="uint64")
    scores: List[Dict[str, float]] = [{} for _ in words]
    for number, tree in enumerate(common):
        lemmas = lemmatizer.apply(Words(orths, orths, strings), numpy.full(len(words), number))
        for word, lemma, of_word in zip(words, map(strings.__getitem__, lemmas), scores):
            if lemma and lemma != word and uninflected.get(lemma, 0) >= MIN_COUNT:
                of_word[lemma] = max(of_word.get(lemma, 0.0), log(trees[tree]) + log(uninflected[lemma]))
    for word, of_word in zip(words, scores):
        first, second = sorted([*of_word.values(), 0.0, 0.0], reverse=True)[:2]
        if first - second >= MARGIN:
            yield word, max(of_word, key=lambda lemma: of_word[lemma])
