"""Scores of single features, and all scores as JSON."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Container, Dict, List, Mapping, Optional, Tuple

import srsly
from spacy.scorer import PRFScore

from ..annotation_layers import LAYERS, NAMES
from .judgements import Confusions, LayerScores, accuracy

# Labels of fewer words are left out of the worst ones, if there are enough others.
MIN_WORDS = 10
# Share of words with labels that a tagger does not have, from which it may be that the tag sets differ.
MANY_UNKNOWN = 0.05


def score_features(confusions: Confusions) -> Dict[str, PRFScore]:
    """Score each morphological feature by itself, as `morph_per_feat` of spaCy's scorer does.

    confusions (Counter[Tuple[str, str]]): Counts of gold and predicted FEATS.
    RETURNS (Dict[str, PRFScore]): Precision, recall and F-score of each feature, such as "Case".
    """
    scores: Dict[str, PRFScore] = defaultdict(PRFScore)
    for (gold, predicted), count in confusions.items():
        gold_values, predicted_values = _split_feats(gold), _split_feats(predicted)
        for name in gold_values.keys() | predicted_values.keys():
            is_right = gold_values.get(name) == predicted_values.get(name)
            scores[name].tp += count * is_right
            scores[name].fn += count * (name in gold_values and not is_right)
            scores[name].fp += count * (name in predicted_values and not is_right)
    return dict(sorted(scores.items()))


def count_feature_confusions(confusions: Confusions) -> List[Tuple[str, str, str, int]]:
    """Count the wrong values of each morphological feature.

    confusions (Counter[Tuple[str, str]]): Counts of gold and predicted FEATS.
    RETURNS (List[Tuple[str, str, str, int]]): Feature, gold value, predicted value ("_" for none) and count, the most
        frequent first.
    """
    counts: Counter[Tuple[str, str, str]] = Counter()
    for (gold, predicted), count in confusions.items():
        gold_values, predicted_values = _split_feats(gold), _split_feats(predicted)
        for name in gold_values.keys() | predicted_values.keys():
            confusion = name, gold_values.get(name, "_"), predicted_values.get(name, "_")
            if confusion[1] != confusion[2]:
                counts[confusion] += count
    return [(*confusion, count) for confusion, count in sorted(counts.items(), key=lambda item: (-item[1], *item[0]))]


def find_worst_labels(scores: LayerScores, n_labels: int) -> List[Tuple[str, PRFScore]]:
    """Find the labels with the lowest F-scores.

    scores (LayerScores): The scores of a layer.
    n_labels (int): How many labels to find.
    RETURNS (List[Tuple[str, PRFScore]]): The labels, the worst first, with precision, recall and F-score.
    """
    labels = sorted(scores.per_label.items(), key=lambda item: (item[1].fscore, -count_words(item[1])))
    frequent = [(label, score) for label, score in labels if count_words(score) >= MIN_WORDS]
    return (frequent if len(frequent) >= n_labels else labels)[:n_labels]


def count_words(score: PRFScore) -> int:
    """RETURNS (int): How many words have the label in the data."""
    return score.tp + score.fn


def scores_as_json(layers: Mapping[str, LayerScores]) -> Dict[str, Any]:
    """Make the scores of an evaluation ready for JSON. The names are those of spaCy's scorer, where it has one.

    layers (Mapping[str, LayerScores]): The scores of each layer: "pos", "tag", "morph".
    RETURNS (Dict[str, Any]): Accuracies between 0 and 1, counts of words, and the scores of each label and feature.
    """
    result: Dict[str, Any] = {}
    for layer, scores in layers.items():
        if scores.raw is not None:
            result[f"raw_{layer}_f"] = scores.raw.fscore
        if not scores.all:
            continue
        result[f"{layer}_acc"] = accuracy(scores.all)
        for name, confusions in (("known", scores.known), ("unknown", scores.unknown)):
            result[f"{layer}_acc_{name}"] = accuracy(confusions) if confusions else None
        result[f"{layer}_words"] = sum(scores.all.values())
        result[f"{layer}_words_unknown"] = sum(scores.unknown.values())
        result[f"{layer}_per_label"] = {
            label: {**score.to_dict(), "words": count_words(score)} for label, score in scores.per_label.items()
        }
    if "morph" in layers:
        features = score_features(layers["morph"].all)
        result["morph_per_feat"] = {name: score.to_dict() for name, score in features.items()}
    return result


def read_scores(path: Path) -> Dict[str, Any]:
    """Read scores that an evaluation wrote as JSON.

    path (Path): The file.
    RETURNS (Dict[str, Any]): What `scores_as_json` returned. Raises a ValueError if the file holds something else.
    """
    try:
        scores = srsly.read_json(path)
        if any(f"{layer}_acc" in scores and isinstance(scores[f"{layer}_words"], int) for layer in LAYERS):
            return dict(scores)
    except (ValueError, TypeError, KeyError):
        pass
    raise ValueError(f"{path} does not hold the scores of an evaluation. Write them with `evaluate --output {path}`.")


def describe_unknown_labels(
    layer: str, counts: Mapping[str, int], known: Container[str], lacking: str
) -> Optional[str]:
    """Tell of labels that a tagger does not have, if so many words have them that it may have another tag set.

    layer (str): The layer.
    counts (Mapping[str, int]): How many words have each label.
    known (Container[str]): The tagger's labels.
    lacking (str): Who lacks them: "the tagger does not have".
    RETURNS (Optional[str]): How many words have which labels; None if they are few.
    """
    unknown = sorted((label for label in counts if label not in known), key=lambda label: (-counts[label], label))
    n_words, n_unknown = sum(counts.values()), sum(counts[label] for label in unknown)
    if n_unknown <= MANY_UNKNOWN * n_words:
        return None
    listed = f"{', '.join(unknown[:5])}{', ...' if len(unknown) > 5 else ''}"
    return f"{NAMES[layer]}: {n_unknown:,} of {n_words:,} words have labels that {lacking}: {listed}"


def differences(layer: str, scores: LayerScores, baseline: Mapping[str, Any]) -> Optional[List[str]]:
    """Compare the scores of a layer with those of another evaluation on the same data.

    layer (str): "pos", "tag" or "morph".
    scores (LayerScores): Its scores.
    baseline (Mapping[str, Any]): What `scores_as_json` returned for the other evaluation.
    RETURNS (Optional[List[str]]): By how many percentage points the F-score on raw text, and the accuracies on all,
        known and unknown words are higher; "-" where one of the two is not known. None if the baseline lacks the layer.
        Raises a ValueError if it is on another number of words.
    """
    if f"{layer}_acc" not in baseline or not scores.all:
        return None
    new = scores_as_json({layer: scores})
    if new[f"{layer}_words"] != baseline[f"{layer}_words"]:
        raise ValueError(
            f"The scores to compare with are of {baseline[f'{layer}_words']:,} words with {NAMES[layer]}, these of "
            f"{new[f'{layer}_words']:,}. Evaluate both taggers on the same data."
        )
    pairs = [
        (new.get(name), baseline.get(name))
        for name in (f"raw_{layer}_f", f"{layer}_acc", f"{layer}_acc_known", f"{layer}_acc_unknown")
    ]
    return ["-" if a is None or b is None else f"{100 * (a - b):+.2f}" for a, b in pairs]


def _split_feats(feats: str) -> Dict[str, str]:
    return dict(part.split("=", 1) for part in feats.split("|") if "=" in part)
