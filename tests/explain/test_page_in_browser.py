"""The page in a browser without a network: what a reader picks, and the numbers that appear, against NumPy's."""

import re

import numpy
import pytest
from spacy.tokens import Doc
from spacy.util import load_config

from spacy_lstm_tagger.explain.explanation import explain
from spacy_lstm_tagger.explain.page.page import pick
from spacy_lstm_tagger.explain.page.sentence_figures import HEADS
from spacy_lstm_tagger.explain.recurrence import QUANTITIES

from ..conftest import ROOT, SMALL_MODEL, make_pipeline

by = pytest.importorskip("selenium.webdriver.common.by", reason="needs selenium, of the extra 'dev'").By
actions = pytest.importorskip("selenium.webdriver").ActionChains
keys = pytest.importorskip("selenium.webdriver.common.keys").Keys

# Half of the last digit that is shown, and what float32 leaves uncertain.
FOUR_DIGITS = 0.5e-4 + 2e-6
NOT_A_NUMBER = "\N{EN DASH}"
WORDS = ["The", "dog", "ate", "zyzzyva's", "apples", "."]


@pytest.fixture(scope="module")
def explanation(trained):
    return explain(trained, Doc(trained.vocab, words=WORDS))


@pytest.fixture(scope="module")
def path(explanation, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(explanation.to_html(), encoding="utf8")
    return path


@pytest.fixture
def page(driver, path):
    driver.get(path.as_uri())
    yield driver
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []


def choose(page, name, value):
    chip = page.find_element(by.CSS_SELECTOR, f'input[name="{name}"][value="{value}"]').find_element(by.XPATH, "..")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", chip)
    chip.click()


def choose_unit(page, unit):
    field = page.find_element(by.ID, "unit")
    field.send_keys(keys.CONTROL, "a")
    field.send_keys(str(unit), keys.ENTER)


def read(page, name):
    """A number that is shown."""
    (text,) = {
        place.get_attribute("textContent") for place in page.find_elements(by.CSS_SELECTOR, f"[data-show={name}]")
    }
    return float(text.replace("\N{MINUS SIGN}", "-"))


def read_row(page, quantity):
    cells = page.find_elements(by.CSS_SELECTOR, f'[data-row="{quantity}"] td')
    return [float(cell.get_attribute("textContent").replace("\N{MINUS SIGN}", "-")) for cell in cells]


def check_numbers(page, explanation, word, member, layer, direction, unit):
    """The equation and the table show the forward pass, to all digits."""
    values = dict(zip(QUANTITIES, explanation.states[member, layer, direction, :, :, unit].astype("float64")))
    symbols = {"f": "forget", "i": "input", "g": "candidate", "c": "cell", "o": "output", "h": "hidden"}
    for symbol, quantity in symbols.items():
        assert read(page, symbol) == pytest.approx(values[quantity][word], abs=FOUR_DIGITS)
        numpy.testing.assert_allclose(read_row(page, quantity), values[quantity], rtol=0, atol=FOUR_DIGITS)
    neighbour = word - 1 if direction == 0 else word + 1
    inside = 0 <= neighbour < len(explanation.words) and explanation.sentence[neighbour] == explanation.sentence[word]
    before = values["cell"][neighbour] if inside else 0.0
    assert read(page, "before") == pytest.approx(before, abs=FOUR_DIGITS)
    assert read(page, "kept") == pytest.approx(values["forget"][word] * before, abs=FOUR_DIGITS)
    assert read(page, "written") == pytest.approx(values["input"][word] * values["candidate"][word], abs=FOUR_DIGITS)
    assert read(page, "kept") + read(page, "written") == pytest.approx(read(page, "c"), abs=1.6e-4)
    assert read(page, "tanh") == pytest.approx(numpy.tanh(values["cell"][word]), abs=FOUR_DIGITS)


@pytest.mark.parametrize(
    "word, member, layer, direction, unit", [(0, 0, 0, 0, 0), (2, 1, 1, 1, 3), (5, 0, 1, 0, 7), (5, 1, 0, 1, 5)]
)
def test_picked_numbers_are_those_of_numpy(page, explanation, word, member, layer, direction, unit):
    for name, value in {"word": word, "member": member, "layer": layer, "direction": direction}.items():
        choose(page, name, value)
    choose_unit(page, unit)
    check_numbers(page, explanation, word, member, layer, direction, unit)
    for panel in page.find_elements(by.CSS_SELECTOR, "div[data-word]"):
        assert panel.is_displayed() == (panel.get_attribute("data-word") == str(word))
    (gates,) = [panel for panel in page.find_elements(by.CLASS_NAME, "gates") if panel.is_displayed()]
    place = [gates.get_attribute(f"data-{name}") for name in ("member", "layer", "direction")]
    assert place == [str(member), str(layer), str(direction)]


def test_page_opens_with_its_pick(page, explanation):
    picked = pick(*explanation[:3])
    check_numbers(page, explanation, picked.word, 0, picked.layer, 0, picked.unit)


def test_click_in_a_heat_map_picks_word_and_unit(page, explanation):
    (gates,) = [panel for panel in page.find_elements(by.CLASS_NAME, "gates") if panel.is_displayed()]
    image = gates.find_elements(by.TAG_NAME, "img")[2]
    n_units, word, row = explanation.states.shape[-1], 3, 5
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", image)
    offsets = [round(image.size["width"] * ((word + 0.5) / len(WORDS) - 0.5))]
    offsets.append(round(image.size["height"] * ((row + 0.5) / n_units - 0.5)))
    actions(page).move_to_element_with_offset(image, *offsets).click().perform()
    layer = pick(*explanation[:3]).layer
    check_numbers(page, explanation, word, 0, layer, 0, explanation.unit_order[0, layer, 0][row])


def test_arrow_keys_move_through_a_heat_map(page, explanation):
    choose(page, "word", 2)
    (gates,) = [panel for panel in page.find_elements(by.CLASS_NAME, "gates") if panel.is_displayed()]
    region = gates.find_element(by.CLASS_NAME, "scroller")
    layer = pick(*explanation[:3]).layer
    order = explanation.unit_order[0, layer, 0].tolist()
    choose_unit(page, order[2])
    region.send_keys(keys.ARROW_RIGHT, keys.ARROW_DOWN, keys.ARROW_DOWN, keys.ARROW_UP)
    check_numbers(page, explanation, 3, 0, layer, 0, order[3])
    region.send_keys(*[keys.ARROW_LEFT] * 9, *[keys.ARROW_UP] * 9)
    check_numbers(page, explanation, 0, 0, layer, 0, order[0])


def test_words_can_be_picked_with_the_keyboard(page, explanation):
    choose(page, "word", 2)
    page.switch_to.active_element.send_keys(keys.ARROW_RIGHT)
    assert page.find_element(by.CSS_SELECTOR, '[data-word="3"]').is_displayed()
    said = page.find_element(by.CSS_SELECTOR, '[role="status"]').get_attribute("textContent")
    assert WORDS[3] in said


def test_unit_that_does_not_exist_is_the_nearest(page, explanation):
    choose_unit(page, 999)
    assert page.find_element(by.ID, "unit").get_attribute("value") == str(explanation.states.shape[-1] - 1)


@pytest.mark.parametrize("word", [1, 4])
def test_bars_are_what_the_word_depends_on(page, explanation, word):
    choose(page, "word", word)
    rows = {("leftOut", head): change[:, word] for head, change in explanation.left_out.items()}
    rows.update({("adds", head): table[word] for head, table in explanation.attributions.items()})
    for (kind, head), values in rows.items():
        choose(page, "head", HEADS.index(head))
        row = page.find_element(by.CSS_SELECTOR, f'[data-bars="{kind} {head}"]')
        assert row.is_displayed()
        (name,) = row.find_elements(by.XPATH, "../../*[@class='name']")
        assert explanation.chosen[head][word] in name.get_attribute("textContent")
        bars = row.find_elements(by.CSS_SELECTOR, ".bar")
        texts = [bar.get_attribute("textContent").replace("\N{MINUS SIGN}", "-") for bar in bars]
        assert [text == NOT_A_NUMBER for text in texts] == numpy.isnan(values).tolist()
        shown = [float(text) for text in texts if text != NOT_A_NUMBER]
        numpy.testing.assert_allclose(shown, values[~numpy.isnan(values)], rtol=0, atol=0.0051)


def test_both_measures_have_one_scale(page, explanation):
    choose(page, "word", 1)
    choose(page, "head", 0)
    head = HEADS[0]
    values = [explanation.left_out[head][:, 1], explanation.attributions[head][1]]
    longest = numpy.nanmax(numpy.abs(values))
    for kind, row in zip(("leftOut", "adds"), values):
        bars = page.find_elements(by.CSS_SELECTOR, f'[data-bars="{kind} {head}"] .bar')
        shown = [float(re.search(r"--v: ?([^;]*)", bar.get_attribute("style"))[1]) for bar in bars]
        numpy.testing.assert_allclose(shown, numpy.nan_to_num(row) / longest, atol=1e-3)
    said = page.find_element(by.CSS_SELECTOR, f'[data-longest="{head}"]').get_attribute("textContent")
    assert float(said) == pytest.approx(longest, abs=0.0051)


def test_units_that_matter_most_are_shown_first(driver, tmp_path):
    nlp = make_pipeline(steps=20, model={**SMALL_MODEL, "hidden_width": 24})
    explanation = explain(nlp, Doc(nlp.vocab, words=WORDS))
    (tmp_path / "page.html").write_text(explanation.to_html(), encoding="utf8")
    driver.get((tmp_path / "page.html").as_uri())
    choose(driver, "word", 3)
    choose(driver, "direction", 1)
    (gates,) = [panel for panel in driver.find_elements(by.CLASS_NAME, "gates") if panel.is_displayed()]
    rows = gates.find_elements(by.CSS_SELECTOR, ".map")[5].find_elements(by.CSS_SELECTOR, ".top i")
    effects = numpy.abs(explanation.unit_effects[HEADS[0]][0, 1, 3])
    assert [int(row.text) for row in rows] == numpy.argsort(-effects)[: len(rows)].tolist()
    image = gates.find_element(by.TAG_NAME, "img")
    assert not image.is_displayed()
    choose(driver, "units", 1)
    assert image.is_displayed() and not rows[0].is_displayed()
    choose(driver, "units", 0)
    choose(driver, "layer", 0)
    assert not any(row.is_displayed() for row in driver.find_elements(by.CSS_SELECTOR, ".top"))


def test_click_on_one_of_the_units_that_matter_picks_it(driver, tmp_path):
    nlp = make_pipeline(steps=20, model={**SMALL_MODEL, "hidden_width": 24})
    explanation = explain(nlp, Doc(nlp.vocab, words=WORDS[:5]))
    (tmp_path / "page.html").write_text(explanation.to_html(), encoding="utf8")
    driver.get((tmp_path / "page.html").as_uri())
    choose(driver, "word", 2)
    (gates,) = [panel for panel in driver.find_elements(by.CLASS_NAME, "gates") if panel.is_displayed()]
    row = gates.find_elements(by.CSS_SELECTOR, ".top")[1].find_elements(by.TAG_NAME, "i")[4]
    unit = int(row.text)
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", row)
    row.click()  # in its middle, which is the third of five words
    check_numbers(driver, explanation, 2, 0, 1, 0, unit)


def test_page_opens_with_its_word_in_view(driver, trained, tmp_path):
    explanation = explain(
        trained, Doc(trained.vocab, words=["Yes", *"abcdefghijklmnopqrstuvwxyz", "The", "dog", "ate"])
    )
    picked = pick(*explanation[:3]).word
    (tmp_path / "page.html").write_text(explanation.to_html(), encoding="utf8")
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    )
    try:
        driver.get((tmp_path / "page.html").as_uri())
        said = driver.find_element(by.CSS_SELECTOR, "main > p").text
        assert f"“{explanation.words[picked]}”" in said
        chip = driver.find_element(by.CSS_SELECTOR, ".picker input:checked").find_element(by.XPATH, "..")
        assert chip.rect["x"] >= 0 and chip.rect["x"] + chip.rect["width"] <= 390
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_nothing_is_requested(page):
    names = page.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert all(name.startswith("data:") for name in names)


@pytest.mark.parametrize("width", [390, 1300])
def test_page_is_no_wider_than_the_window(driver, explanation, tmp_path, width):
    long = [f"{label}|Number=Sing|Person=3|Tense=Past|VerbForm=Fin" for label in explanation.labels["morph"]]
    decisions = explanation.decisions._replace(labels={**explanation.labels, "morph": long})
    (tmp_path / "page.html").write_text(explanation._replace(decisions=decisions).to_html(), encoding="utf8")
    driver.get((tmp_path / "page.html").as_uri())
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False},
    )
    try:
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_pictures_are_drawn(page):
    sizes = page.execute_script("return Array.from(document.images, (image) => image.naturalWidth)")
    assert sizes and all(sizes)


def test_everything_is_there_without_javascript(driver, path, explanation):
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.get(path.as_uri())
        panels = driver.find_elements(by.CSS_SELECTOR, ":is([data-word], [data-member], [data-head]):not(.only-js *)")
        for summary in driver.find_elements(by.TAG_NAME, "summary"):
            summary.click()
        assert panels and all(panel.is_displayed() for panel in panels)
        assert all(table.is_displayed() for table in driver.find_elements(by.CLASS_NAME, "equations"))
        assert not any(element.is_displayed() for element in driver.find_elements(by.CLASS_NAME, "only-js"))
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_sentences_begin_afresh(trained, driver, tmp_path):
    doc = Doc(trained.vocab, words=["Yes", "!", "The", "dog", "ate"], sent_starts=[True, False, True, False, False])
    explanation = explain(trained, doc)
    (tmp_path / "page.html").write_text(explanation.to_html(), encoding="utf8")
    driver.get((tmp_path / "page.html").as_uri())
    layer = pick(*explanation[:3]).layer
    for word, direction in ((2, 0), (1, 1), (3, 0)):
        choose(driver, "word", word)
        choose(driver, "direction", direction)
        choose_unit(driver, 4)
        check_numbers(driver, explanation, word, 0, layer, direction, 4)


@pytest.mark.slow
def test_page_of_sixty_words_with_accurate_opens_soon(driver, tmp_path):
    config = load_config(ROOT / "configs" / "accurate.cfg")
    nlp = make_pipeline(model=config["components"]["lstm_tagger"]["model"])
    words = [f"{syllable}{i}tion" for i in range(20) for syllable in ("commu", "ra", "vaca")]
    explanation = explain(nlp, Doc(nlp.vocab, words=words))
    page = explanation.to_html()
    assert len(page.encode("utf8")) < 3_000_000
    (tmp_path / "page.html").write_text(page, encoding="utf8")
    driver.get((tmp_path / "page.html").as_uri())
    for name, value in {"word": 37, "layer": 1, "direction": 1}.items():
        choose(driver, name, value)
    choose_unit(driver, 90)
    check_numbers(driver, explanation, 37, 0, 1, 1, 90)
    milliseconds = driver.execute_script("return performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert 0 < milliseconds < 5000  # under 1,000 on a processor that has nothing else to do


def test_page_is_dark_where_the_reader_wants_it(page):
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    try:
        colour = page.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert sum(map(int, colour[4:-1].split(","))) < 150
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
