"""Which sentences to annotate: those from which a tagger would learn most."""

import heapq
from collections import Counter
from typing import Dict, Iterable, Iterator, List, NamedTuple, Set, Tuple

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch

from ..pipeline.loading import find_tagger

BATCH_SIZE = 256
# Shorter ones say little, longer ones are mostly no sentences.
SHORTEST, LONGEST = 4, 60
# Of all sentences the most doubtful are kept in memory: so many, and ten times as many as are wanted.
MOST_KEPT = 10_000


class Candidate(NamedTuple):
    """A sentence.

    doc (Doc): The sentence, tagged.
    doubts (Dict[Tuple[str, str], float]): For each word in lower case, with its label, the probability that the label
        is wrong.
    """

    doc: Doc
    doubts: Dict[Tuple[str, str], float]


def select_sentences(nlp: Language, texts: Iterable[str], layer: str, n: int) -> List[Tuple[Doc, float]]:
    """Select the sentences that are expected to have the most wrong labels a word, each word counting less the more
    often it was selected with that label.

    nlp (Language): A pipeline whose tagger stores confidences.
    texts (Iterable[str]): The texts.
    layer (str): "tag" or "pos".
    n (int): How many.
    RETURNS (List[Tuple[Doc, float]]): The sentences, the most doubtful first, and the mean probability that a label is
        wrong. No two have the same words.
    """
    found = _find_candidates(nlp, texts, layer)
    candidates = heapq.nlargest(MOST_KEPT + 10 * n, found, key=_mean_doubt)
    n_selected: Counter[Tuple[str, str]] = Counter()

    def gain(number: int) -> float:
        doubts = candidates[number].doubts
        return sum(doubt / (1 + n_selected[word]) for word, doubt in doubts.items()) / len(candidates[number].doc)

    # What is left to gain only falls, so the first of the queue is the best if it is as good as it was.
    queue = [(-gain(number), number) for number in range(len(candidates))]
    heapq.heapify(queue)
    selected: List[Tuple[Doc, float]] = []
    while queue and len(selected) < n:
        before, number = heapq.heappop(queue)
        if (now := -gain(number)) > before + 1e-12:
            heapq.heappush(queue, (now, number))
            continue
        n_selected.update(candidates[number].doubts.keys())
        selected.append((candidates[number].doc, _mean_doubt(candidates[number])))
    return selected


def _mean_doubt(candidate: Candidate) -> float:
    return sum(candidate.doubts.values()) / len(candidate.doc)


def _find_candidates(nlp: Language, texts: Iterable[str], layer: str) -> Iterator[Candidate]:
    tagger = find_tagger(nlp)
    seen: Set[Tuple[str, ...]] = set()
    for batch in minibatch(texts, BATCH_SIZE):
        for doc in tagger.pipe(map(nlp.make_doc, batch)):
            for sentence in doc.sents if doc.has_annotation("SENT_START") else [doc[:]]:
                words = tuple(token.lower_ for token in sentence if not token.is_space)
                if SHORTEST <= len(words) <= LONGEST and words not in seen:
                    seen.add(words)
                    copied = sentence.as_doc(copy_user_data=True)
                    yield Candidate(copied, _find_doubts(copied, layer))


def _find_doubts(doc: Doc, layer: str) -> Dict[Tuple[str, str], float]:
    doubts: Dict[Tuple[str, str], float] = {}
    for token in doc:
        confidence = getattr(token._, f"{layer}_confidence")
        if confidence is not None:
            word = token.lower_, getattr(token, f"{layer}_")
            doubts[word] = max(doubts.get(word, 0.0), 1 - confidence)
    return doubts
