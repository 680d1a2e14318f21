from collections import Counter
from math import isnan
from typing import Any, Dict, List

import pytest
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_lstm_tagger.evaluation.figures import (
    CONFIDENCES,
    FREQUENCIES,
    N_CONFUSED,
    N_DOTS,
    draw_figure,
    make_confusion_figure,
    make_f_score_figure,
    make_feature_confusion_figure,
    make_feature_figure,
    make_frequency_figure,
    make_length_figure,
    make_reliability_figure,
    make_training_figure,
    percent,
)
from spacy_lstm_tagger.evaluation.judgements import Judgement, LayerScores, count_confusions
from spacy_lstm_tagger.pipeline.calibration import expected_calibration_error

LABELS = ["NOUN", "VERB", "ADJ"]
LOG = [
    {"epoch": i // 2, "step": 100 * i, "losses": {"lstm_tagger": 9.0 - i}, "scores": {"pos_acc": acc}, "score": acc}
    for i, acc in enumerate([3.0, 91.5, 94.25, 93.0])
]


def make_judgements(n_words: int = 60) -> List[Judgement]:
    """Two wrong words of seven, in sentences of 1 to 44 words."""
    judgements = []
    doc = Doc(Vocab(), words=["word"])
    for i in range(n_words):
        if i % 6 == 0:
            doc = Doc(Vocab(), words=["word"] * (1 + i % 44))
        gold, predicted = LABELS[i % 3], LABELS[(i + (i % 7 in (2, 5))) % 3]
        probability = float("nan") if i % 11 == 0 else (i % 20) / 20
        judgements.append(Judgement(doc[0], gold, predicted, probability, (i * i * i) % 1500 if i % 5 else 0))
    return judgements


def test_training_figure_leaves_out_the_untrained_network() -> None:
    figure = make_training_figure(LOG, ["pos", "tag"])
    assert figure.header == ["step", "epoch", "UPOS", "loss"]
    assert figure.rows == [
        ["100", "0", "91.50", "0.08"],
        ["200", "1", "94.25", "0.07"],
        ["300", "1", "93.00", "0.06"],
    ]
    assert "step 200, in epoch 1" in figure.caption


def test_losses_are_means_per_step() -> None:
    """The log has sums: of one step at step 0, then of the steps since the evaluation before."""
    scores = {"scores": {"pos_acc": 50.0}, "score": 50.0, "epoch": 0}
    log = [{"step": step, "losses": {"lstm_tagger": loss}, **scores} for step, loss in [(0, 2.0), (599, 299.5)]]
    assert [row[-1] for row in make_training_figure(log, ["pos"]).rows] == ["2", "0.5"]


@pytest.mark.parametrize("n_rows", [1, 2])
def test_short_training_is_shown_whole(n_rows: int) -> None:
    assert len(make_training_figure(LOG[:n_rows], ["pos"]).rows) == n_rows


def test_reliability_has_a_row_a_bin_and_the_error() -> None:
    judgements = make_judgements()
    figure = make_reliability_figure({"pos": judgements})
    sure = [judgement for judgement in judgements if not isnan(judgement.probability)]
    assert sum(int(row[2]) for row in figure.rows) == len(sure) < len(judgements)
    for _, bounds, count, _, accuracy in figure.rows:
        low, high = (int(bound) for bound in bounds.rstrip("%").split("\u2013"))
        assert low in CONFIDENCES
        inside = [j for j in sure if low <= round(100 * j.probability) < high]
        assert int(count) == len(inside)
        assert accuracy == percent(sum(j.is_right for j in inside) / len(inside))
    error = expected_calibration_error([j.probability for j in sure], [j.is_right for j in sure])
    assert f"UPOS {percent(error)}" in figure.caption


@pytest.mark.parametrize(
    "make_figure, measure",
    [(make_frequency_figure, lambda j: j.n_seen), (make_length_figure, lambda j: len(j.token.doc))],
)
def test_groups_equal_a_slow_count(make_figure: Any, measure: Any) -> None:
    judgements = make_judgements()
    rows = make_figure({"pos": judgements, "tag": judgements[:30]}).rows
    total = 0
    for name, count, *accuracies in rows:
        bounds = [int(bound) for bound in name.rstrip("+").split("\u2013")]
        high = 10**9 if name.endswith("+") else bounds[-1]
        for part, accuracy in zip((judgements, judgements[:30]), accuracies, strict=True):
            inside = [j.is_right for j in part if bounds[0] <= measure(j) <= high]
            assert accuracy == (percent(sum(inside) / len(inside)) if inside else "-")
        inside = [j for j in judgements if bounds[0] <= measure(j) <= high]
        assert int(count) == len(inside) > 0
        total += len(inside)
    assert total == len(judgements)


def test_groups_are_named_by_their_bounds() -> None:
    doc = Doc(Vocab(), words=["a"])
    rows = make_frequency_figure({"pos": [Judgement(doc[0], "X", "X", 1.0, n) for n in (*FREQUENCIES, 4)]}).rows
    assert [row[0] for row in rows[:4]] == ["0", "1", "2\u20134", "5\u20139"] and rows[-1][0] == "1000+"
    assert [row[1] for row in rows[:4]] == ["1", "1", "2", "1"]


def test_labels_are_in_the_order_of_frequency() -> None:
    scores = count_confusions({"pos": make_judgements(61)})["pos"]
    rows = make_f_score_figure("pos", scores).rows
    assert [row[4] for row in rows] == ["21", "20", "20"] and rows[0][0] == "NOUN"
    assert {row[0]: row[3] for row in rows}["VERB"] == percent(scores.per_label["VERB"].fscore)


def test_plots_of_many_labels_show_the_most_frequent() -> None:
    scores = LayerScores(Counter({(f"L{i}", f"L{i}"): 100 + i for i in range(60)}), Counter())
    figure = make_f_score_figure("tag", scores)
    assert figure.data[0] == {f"L{i}": (100.0, 100 + i) for i in range(59, 59 - N_DOTS, -1)}
    assert len(figure.rows) == 60 and f"the {N_DOTS} most frequent labels" in figure.caption


MORPH = LayerScores(
    Counter({("Case=Nom|Number=Sing", "Case=Nom|Number=Sing"): 3, ("Case=Nom|Number=Sing", "Case=Acc|Number=Sing"): 2}),
    Counter({("Number=Plur", "_"): 1}),
)


def test_features_are_shown_one_by_one() -> None:
    figure = make_feature_figure(MORPH)
    assert [[row[0], row[2], row[4]] for row in figure.rows] == [["Number", "83.33", "6"], ["Case", "60.00", "5"]]
    assert list(figure.data[0]) == ["Number", "Case"]


def test_confusions_of_features_are_counted_by_value() -> None:
    rows = make_feature_confusion_figure(MORPH).rows
    assert rows == [["Case", "Nom", "Acc", "2"], ["Number", "Plur", "_", "1"]]


def test_heat_map_of_many_labels_shows_the_most_confused() -> None:
    confusions = {(f"L{i:02}", f"L{i + 1:02}"): 1 + i for i in range(40)}
    figure = make_confusion_figure("tag", LayerScores(Counter(confusions), Counter()))
    labels, shown, is_long = figure.data
    assert not is_long
    n_mistakes = {name: sum(n for pair, n in confusions.items() if name in pair) for name in set(sum(confusions, ()))}
    assert len(labels) == N_CONFUSED and labels == sorted(labels)
    assert min(n_mistakes.pop(name) for name in labels) > max(n_mistakes.values())
    assert shown == {pair: count for pair, count in confusions.items() if set(pair) <= set(labels)}
    assert f"{sum(shown.values())} of {sum(confusions.values())} mistakes" in figure.caption
    assert figure.rows[0] == ["L39", "L40", "40"] and len(figure.rows) == len(confusions)


def test_heat_map_has_only_mistakes() -> None:
    scores = LayerScores(Counter({("A", "A"): 9, ("A", "B"): 2}), Counter({("B", "A"): 1}))
    assert make_confusion_figure("pos", scores).data == (["A", "B"], {("A", "B"): 2, ("B", "A"): 1}, False)


def test_every_figure_is_drawn() -> None:
    pytest.importorskip("matplotlib")
    judgements: Dict[str, List[Judgement]] = {"pos": make_judgements()}
    scores = count_confusions(judgements)["pos"]
    figures = [
        make_training_figure(LOG, ["pos"]),
        make_training_figure(LOG[:1], ["pos"]),
        make_reliability_figure(judgements),
        make_frequency_figure(judgements),
        make_length_figure(judgements),
        make_f_score_figure("pos", scores),
        make_confusion_figure("pos", scores),
    ]
    for figure in figures:
        assert f'<title id="{figure.name}-title">{figure.title}</title>' in draw_figure(figure)


def test_figure_without_data_is_not_drawn() -> None:
    doc = Doc(Vocab(), words=["a"])
    assert draw_figure(make_reliability_figure({"pos": [Judgement(doc[0], "X", "Y", float("nan"), 1)]})) == ""
