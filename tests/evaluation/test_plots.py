"""Needs matplotlib, which is an extra."""

import re
import xml.etree.ElementTree as ET
from typing import Any, Callable, Dict, List

import pytest

plots = pytest.importorskip("spacy_lstm_tagger.evaluation.plots")

LONG = "Case=Nom|Number=Sing|Person=3|PronType=Prs"
ACCURACIES = {"UPOS": [90.0, 94.0, 93.5], "XPOS": [89.0, 92.0, 92.5]}
CONFUSIONS = {("NN", "$"): 12, ("$", "<b>"): 1, ("<b>", "NN"): 3}

PLOTS: Dict[str, Callable[[str], str]] = {
    "curves": lambda name: plots.plot_curves(
        name, "A title", "What <it> shows", [10, 20, 30], ACCURACIES, [3, 2, 1], 1
    ),
    "confusions": lambda name: plots.plot_confusions(
        name, "A title", "What <it> shows", ["NN", "$", "<b>"], CONFUSIONS, False
    ),
    "long confusions": lambda name: plots.plot_confusions(
        name, "A title", "What <it> shows", ["NN", LONG], {("NN", LONG): 7}, True
    ),
    "dots": lambda name: plots.plot_dots(
        name, "A title", "What <it> shows", {"NN": (99.5, 1200), "DT": (97, 3), LONG: (95, 3), "$": (12.25, 9)}
    ),
    "reliability": lambda name: plots.plot_reliability(
        name,
        "A title",
        "What <it> shows",
        ["0", "90"],
        {"UPOS": [(15, 90, 3), (95.5, 97.1, 100)], "FEATS": [(float("nan"), float("nan"), 0), (90, 80, 1)]},
    ),
    "groups": lambda name: plots.plot_groups(
        name, "A title", "What <it> shows", ["0", "1+"], {"UPOS": [80, float("nan")]}, "seen"
    ),
}


def texts_of(svg: str) -> List[str]:
    return ["".join(text.itertext()) for text in ET.fromstring(svg).iter() if text.tag.endswith("text")]


@pytest.fixture(params=PLOTS)
def plot(request: Any) -> Callable[[str], str]:
    return PLOTS[request.param]


def test_plot_is_an_image_with_a_name_and_a_description(plot: Callable[[str], str]) -> None:
    root = ET.fromstring(plot("one"))
    by_id = {element.get("id"): element.text for element in root.iter()}
    assert root.get("role") == "img"
    assert [by_id[name] for name in root.get("aria-labelledby", "").split()] == ["A title", "What <it> shows"]


def test_colors_fonts_and_size_are_the_pages(plot: Callable[[str], str]) -> None:
    svg = plot("one")
    root = ET.fromstring(svg)
    assert not re.search("#[0-9a-f]{6}|font-family", svg) and "var(--ink)" in svg
    assert set(re.findall(r"var\((--[\w-]+)\)", svg)) <= set(plots.COLORS.values())
    assert root.get("width") is None and root.get("viewBox", "").startswith(f"0 0 {plots.WIDTH} ")


def test_plots_of_a_page_share_no_ids(plot: Callable[[str], str]) -> None:
    ids = [re.findall(r' id="([^"]+)"', plot(name)) for name in ("one", "two")]
    assert len(ids[0]) == len(set(ids[0])) and not set(ids[0]) & set(ids[1])


def test_what_is_referred_to_is_there(plot: Callable[[str], str]) -> None:
    svg = plot("one")
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', svg))
    assert used <= set(re.findall(r' id="([^"]+)"', svg))


def test_same_plot_is_the_same_text(plot: Callable[[str], str]) -> None:
    assert plot("one") == plot("one")


def test_plots_leave_matplotlibs_settings_alone() -> None:
    before = dict(plots.mpl.rcParams)
    PLOTS["dots"]("one")
    assert dict(plots.mpl.rcParams) == before


def test_matplotlibs_settings_leave_plots_alone() -> None:
    with plots.mpl.rc_context({"font.size": 30, "svg.fonttype": "path"}):
        changed = PLOTS["dots"]("one")
    assert changed == PLOTS["dots"]("one")


def test_curves_name_layers_and_axes() -> None:
    assert {"UPOS", "XPOS", "accuracy, %", "loss per batch", "step"} <= set(texts_of(PLOTS["curves"]("one")))


def test_heat_map_has_labels_on_both_sides_and_counts() -> None:
    texts = texts_of(PLOTS["confusions"]("one"))
    assert all(texts.count(label) == 2 for label in ("NN", "$", "<b>"))
    assert {"12", "1", "3", "predicted", "gold"} <= set(texts)


def test_long_labels_stand_beside_rows_with_a_number_for_columns() -> None:
    texts = texts_of(PLOTS["long confusions"]("one"))
    assert [text.split() for text in texts if text.startswith(LONG)] == [[LONG, "2"]]
    assert {"1", "2", "7"} <= set(texts)


def test_dots_have_labels_values_and_numbers_of_words() -> None:
    texts = set(texts_of(PLOTS["dots"]("one")))
    assert {"NN", "$", LONG, "99.5 \u00b7 1,200", "12.2 \u00b7 9"} <= texts
    assert "90" in texts and "80" not in texts  # the axis begins where three quarters of the dots are


@pytest.mark.parametrize("name", ["curves", "dots", "reliability", "groups"])
def test_no_axis_of_percents_goes_beyond_100(name: str) -> None:
    assert not {"102", "104", "105", "110", "120"} & set(texts_of(PLOTS[name]("one")))


def test_bands_of_few_words_have_no_dot() -> None:
    def count_dots(n_words: int, accuracy: float = 90.0) -> int:
        bands = [(15.0, accuracy, n_words), (90.0, 95.0, 1000)]
        return plots.plot_reliability("a", "", "", ["0", "50"], {"UPOS": bands}).count("<use")

    assert count_dots(plots.MIN_COUNT - 1) == count_dots(0, float("nan")) < count_dots(plots.MIN_COUNT)
