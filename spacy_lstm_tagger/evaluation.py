"""How well a tagger does on annotated sentences, and where it errs."""

from collections import Counter, defaultdict
from typing import Dict, Iterable, List, NamedTuple, Tuple

from spacy.language import Language
from spacy.scorer import PRFScore
from spacy.training import Example

from .component import find_tagger

# How often words with one label (first) got another (second).
Confusions = Counter[Tuple[str, str]]


class LayerScores(NamedTuple):
    """Right and wrong labels in one layer of annotation.

    known (Confusions): Those of words that are in the training data.
    unknown (Confusions): Those of other words.
    """

    known: Confusions
    unknown: Confusions

    @property
    def all(self) -> Confusions:
        """RETURNS (Confusions): Those of all words."""
        return self.known + self.unknown

    @property
    def errors(self) -> List[Tuple[str, str, int]]:
        """RETURNS (List[Tuple[str, str, int]]): Right label, given label and how often, the most frequent first."""
        return [(*pair, count) for pair, count in self.all.most_common() if pair[0] != pair[1]]

    @property
    def per_label(self) -> Dict[str, PRFScore]:
        """RETURNS (Dict[str, PRFScore]): Precision, recall and F-score of each label."""
        scores: Dict[str, PRFScore] = defaultdict(PRFScore)
        for (gold, given), count in sorted(self.all.items()):
            if gold == given:
                scores[gold].tp += count
            else:
                scores[gold].fn += count
                scores[given].fp += count
        return dict(scores)


def accuracy(confusions: Confusions) -> float:
    """RETURNS (float): The share of words that got their own label; 0 if there are no words."""
    right = sum(count for (gold, given), count in confusions.items() if gold == given)
    return right / max(1, sum(confusions.values()))


def evaluate_layers(nlp: Language, examples: Iterable[Example]) -> Dict[str, LayerScores]:
    """Tag examples and compare the labels with theirs.

    nlp (Language): A pipeline with an LSTM tagger.
    examples (Iterable[Example]): Examples whose predicted docs have the words of the reference docs.
    RETURNS (Dict[str, LayerScores]): Scores of each layer that is annotated: "pos", "tag", "morph".
    """
    vocabulary = find_tagger(nlp).vocabulary
    layers = {name: LayerScores(Counter(), Counter()) for name in ("pos", "tag", "morph")}
    examples = list(examples)
    for eg, doc in zip(examples, nlp.pipe([eg.predicted for eg in examples])):
        for gold, given in zip(eg.reference, doc):
            if gold.is_space:
                continue
            pairs = {"pos": (gold.pos_, given.pos_), "tag": (gold.tag_, given.tag_)}
            if gold.has_morph():
                pairs["morph"] = (str(gold.morph) or "_", str(given.morph) or ("_" if given.has_morph() else ""))
            known = gold.text in vocabulary
            for name, pair in pairs.items():
                if pair[0]:
                    (layers[name].known if known else layers[name].unknown)[pair] += 1
    return {name: scores for name, scores in layers.items() if scores.all}
