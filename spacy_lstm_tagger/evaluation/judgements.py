"""A tagger's labels compared with those of annotated sentences."""

from collections import Counter, defaultdict
from math import nan
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple

import numpy
from spacy.language import Language
from spacy.scorer import PRFScore
from spacy.tokens import Token
from spacy.training import Example
from spacy.util import minibatch

from ..pipeline.loading import find_tagger

BATCH_SIZE = 256

# How often each pair of a gold label and a predicted label occurs.
Confusions = Counter[Tuple[str, str]]


class Judgement(NamedTuple):
    """Gold and predicted label of one word, in one layer of annotation.

    token (Token): The word, in a doc that is one sentence if the examples are.
    gold (str): Its label in the data.
    predicted (str): Its label in the tagged doc.
    probability (float): The probability that the tagger gives to the predicted label. NaN if the label is not its own.
    n_seen (int): How often the word is in the training data.
    """

    token: Token
    gold: str
    predicted: str
    probability: float
    n_seen: int

    @property
    def is_right(self) -> bool:
        """RETURNS (bool): Whether the predicted label is the gold label."""
        return self.gold == self.predicted


class LayerScores(NamedTuple):
    """Counts of gold and predicted labels in one layer of annotation.

    known (Confusions): Those of words that are in the training data.
    unknown (Confusions): Those of other words.
    raw (Optional[PRFScore]): The scores on raw text, see `score_raw_text`, if they are known.
    """

    known: Confusions
    unknown: Confusions
    raw: Optional[PRFScore] = None

    @property
    def all(self) -> Confusions:
        """RETURNS (Confusions): Those of all words."""
        return self.known + self.unknown

    @property
    def errors(self) -> List[Tuple[str, str, int]]:
        """RETURNS (List[Tuple[str, str, int]]): Gold label, predicted label and count, the most frequent first."""
        return [(*pair, count) for pair, count in self.all.most_common() if pair[0] != pair[1]]

    @property
    def per_label(self) -> Dict[str, PRFScore]:
        """RETURNS (Dict[str, PRFScore]): Precision, recall and F-score of each label."""
        scores: Dict[str, PRFScore] = defaultdict(PRFScore)
        for (gold, predicted), count in sorted(self.all.items()):
            if gold == predicted:
                scores[gold].tp += count
            else:
                scores[gold].fn += count
                scores[predicted].fp += count
        return dict(scores)


def accuracy(confusions: Confusions) -> float:
    """RETURNS (float): The share of words whose predicted label is the gold label; 0 if there are no words."""
    right = sum(count for (gold, predicted), count in confusions.items() if gold == predicted)
    return right / max(1, sum(confusions.values()))


def evaluate_layers(nlp: Language, examples: Iterable[Example]) -> Dict[str, LayerScores]:
    """Tag examples and compare the labels with theirs.

    nlp (Language): A pipeline with an LSTM tagger.
    examples (Iterable[Example]): Examples whose predicted docs have the words of the reference docs.
    RETURNS (Dict[str, LayerScores]): Scores of each layer that is annotated: "pos", "tag", "morph", "lemma".
    """
    return count_confusions(judge_words(nlp, examples))


def judge_words(nlp: Language, examples: Iterable[Example]) -> Dict[str, List[Judgement]]:
    """Tag examples and compare gold and predicted labels of every word.

    nlp (Language): A pipeline with an LSTM tagger.
    examples (Iterable[Example]): Examples whose predicted docs have the words of the reference docs. They are taken
        as they are needed.
    RETURNS (Dict[str, List[Judgement]]): The judgements in each annotated layer: "pos", "tag", "morph", "lemma".
    """
    tagger = find_tagger(nlp)
    indices = {head: {label: i for i, label in enumerate(labels)} for head, labels in tagger.label_data.items()}
    layers: Dict[str, List[Judgement]] = {name: [] for name in ("pos", "tag", "morph", "lemma")}
    for batch in minibatch(examples, BATCH_SIZE):
        docs = [eg.predicted for eg in batch]
        for eg, doc, probabilities in zip(batch, nlp.pipe(docs), tagger.predict_proba(docs)):
            for gold, predicted in zip(eg.reference, doc):
                if gold.is_space:
                    continue
                n_seen = tagger.vocabulary.count(gold.text)
                pairs = {
                    "pos": (gold.pos_, predicted.pos_),
                    "tag": (gold.tag_, predicted.tag_),
                    "lemma": (gold.lemma_, predicted.lemma_),
                }
                if gold.has_morph():
                    pairs["morph"] = (
                        str(gold.morph) or "_",
                        str(predicted.morph) or ("_" if predicted.has_morph() else ""),
                    )
                for name, pair in pairs.items():
                    if pair[0]:
                        probability = _find_probability(probabilities, indices, name, predicted, pair[1])
                        layers[name].append(Judgement(predicted, *pair, probability, n_seen))
    if not any(judgement.predicted for judgement in layers["lemma"]):  # the pipeline sets none
        del layers["lemma"]
    return {name: judgements for name, judgements in layers.items() if judgements}


def tag_examples(nlp: Language, examples: Iterable[Example]) -> Iterator[Example]:
    """Tag the predicted docs of examples.

    nlp (Language): A pipeline.
    examples (Iterable[Example]): The examples. They are taken as they are needed.
    YIELDS (Example): The examples.
    """
    for batch in minibatch(examples, BATCH_SIZE):
        for eg, doc in zip(batch, nlp.pipe(eg.predicted for eg in batch)):
            eg.predicted = doc
            yield eg


def count_confusions(
    layers: Mapping[str, Iterable[Judgement]], raw: Mapping[str, PRFScore] = {}
) -> Dict[str, LayerScores]:
    """Count right and wrong labels.

    layers (Mapping[str, Iterable[Judgement]]): What `judge_words` returned.
    raw (Mapping[str, PRFScore]): The scores of each layer on raw text, see `score_raw_text`.
    RETURNS (Dict[str, LayerScores]): The scores of each layer.
    """
    scores = {name: LayerScores(Counter(), Counter(), raw.get(name)) for name in layers}
    for name, judgements in layers.items():
        for judgement in judgements:
            confusions = scores[name].known if judgement.n_seen else scores[name].unknown
            confusions[judgement.gold, judgement.predicted] += 1
    return scores


def _find_probability(
    probabilities: Mapping[str, numpy.ndarray],
    indices: Mapping[str, Mapping[str, int]],
    layer: str,
    token: Token,
    label: str,
) -> float:
    """A label's probability. UPOS that follows from the tag map is as probable as the tag, a lemma as its edit tree."""
    if layer == "lemma":
        return float(probabilities[layer][token.i].max()) if layer in probabilities else nan
    if layer not in indices:
        layer, label = "tag", token.tag_
    index = indices.get(layer, {}).get(label)
    return nan if index is None else float(probabilities[layer][token.i, index])
