"""The page in a browser that reaches nothing but the service."""

import json

import pytest

from ..conftest import SENTENCES

by = pytest.importorskip("selenium.webdriver.common.by", reason="needs selenium, of the extra 'dev'").By
wait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait
keys = pytest.importorskip("selenium.webdriver.common.keys").Keys

HOSTILE = """<img src=x onerror="document.title='bad'"> <script>document.title='bad'</script> "'`&amp; </textarea>"""


@pytest.fixture
def page(driver, url):
    driver.get(url)
    wait_for(driver, lambda: shown_words(driver))
    yield driver
    assert driver.get_log("browser") == []
    asked = driver.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert asked and all(address.startswith(url) for address in asked)


def wait_for(page, condition):
    return wait(page, 60, poll_frequency=0.05).until(lambda _: condition())


def chips(page):
    return page.find_elements(by.CSS_SELECTOR, ".word")


def shown_words(page):
    return page.execute_script("return [...document.querySelectorAll('.word .form')].map((form) => form.textContent)")


def show(page, text, words):
    """Put in a text, and wait for its words."""
    # ChromeDriver types no characters of two units.
    put_in = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
    page.execute_script(put_in, page.find_element(by.ID, "text"), text)
    wait_for(page, lambda: shown_words(page) == words)


def why(page, chip):
    """Click a word, and wait for what is said about it."""
    chip.click()
    wait_for(page, lambda: page.find_elements(by.CSS_SELECTOR, ".why .layer"))
    return page.find_element(by.CSS_SELECTOR, ".why")


def test_words_have_the_labels_and_colours_of_the_tagger(page):
    sentence = SENTENCES[0]
    show(page, " ".join(sentence["words"]), sentence["words"])
    lines = [chip.text.split("\n") for chip in chips(page)]
    assert [line[1] for line in lines] == sentence["pos"]
    assert [line[2] for line in lines] == sentence["tags"]
    colours = [chip.value_of_css_property("background-color") for chip in chips(page)]
    assert colours[0] == colours[3] != colours[1] == colours[4]
    assert all(line[-1].endswith("%") for line in lines)
    assert page.find_element(by.ID, "status").text == "6 words"


def test_boxes_choose_what_is_shown(page):
    show(page, "The dog", ["The", "dog"])
    box = page.find_element(by.NAME, "morph")
    assert "Number=Sing" not in chips(page)[1].text
    box.click()
    assert "Number=Sing" in chips(page)[1].text
    box.click()
    assert "Number=Sing" not in chips(page)[1].text


def test_click_on_a_word_explains_it(page):
    words = SENTENCES[0]["words"]
    show(page, " ".join(words), words)
    panel = why(page, chips(page)[1])
    assert panel.find_element(by.TAG_NAME, "h3").text == "Why “dog”?"
    assert [layer.find_element(by.TAG_NAME, "h4").text for layer in panel.find_elements(by.CLASS_NAME, "layer")] == [
        "UPOS",
        "XPOS",
        "FEATS",
    ]
    first = panel.find_element(by.CSS_SELECTOR, ".layer tr")
    assert first.text.startswith("NOUN") and first.text.endswith("%")
    assert chips(page)[1].get_attribute("aria-expanded") == "true"
    panel.find_element(by.CLASS_NAME, "close").click()
    assert not page.find_elements(by.CLASS_NAME, "why")
    assert page.switch_to.active_element == chips(page)[1]


def test_keyboard_alone(page):
    show(page, "The dog ate", ["The", "dog", "ate"])
    chip = chips(page)[0]
    page.execute_script("arguments[0].focus()", chip)
    chip.send_keys(keys.ARROW_RIGHT)
    second = page.switch_to.active_element
    assert second == chips(page)[1]
    second.send_keys(keys.ENTER)
    wait_for(page, lambda: page.find_elements(by.CSS_SELECTOR, ".why .layer"))
    wait_for(page, lambda: page.switch_to.active_element.get_attribute("class") == "why")
    page.switch_to.active_element.send_keys(keys.ESCAPE)
    assert not page.find_elements(by.CLASS_NAME, "why")
    assert page.switch_to.active_element == second


def test_another_text_closes_the_explanation(page):
    show(page, "The dog ate", ["The", "dog", "ate"])
    why(page, chips(page)[0])
    show(page, "Yes !", ["Yes", "!"])
    assert not page.find_elements(by.CLASS_NAME, "why")


def test_markup_is_text(page):
    field = page.find_element(by.ID, "text")
    field.clear()
    field.send_keys(HOSTILE)
    wait_for(page, lambda: "".join(shown_words(page)) == HOSTILE.replace(" ", ""))
    why(page, chips(page)[0])
    assert page.title == "LSTM tagger"
    assert not page.find_elements(by.CSS_SELECTOR, "main img, main script")
    assert json.dumps(HOSTILE[:60]).replace("'", "\\u0027") in page.find_element(by.ID, "example").get_attribute(
        "textContent"
    )


def test_text_that_is_written_from_right_to_left(page):
    show(page, "الكلب أكل التفاح", ["الكلب", "أكل", "التفاح"])
    lefts = [chip.location["x"] for chip in chips(page)]
    assert lefts == sorted(lefts, reverse=True)
    panel = why(page, chips(page)[0])
    assert "الكلب" in panel.find_element(by.TAG_NAME, "h3").text


def test_offsets_hold_after_characters_of_two_units(page):
    show(page, "😀 The dog 𝔸 ate", ["😀", "The", "dog", "𝔸", "ate"])
    panel = why(page, chips(page)[2])
    assert panel.find_element(by.CSS_SELECTOR, ".layer tr").text.startswith("NOUN")


@pytest.mark.parametrize("width", [320, 400, 1200])
def test_nothing_is_cut_off(page, width):
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
        show(page, f"The {long} ate", ["The", long, "ate"])
        why(page, chips(page)[1])
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(page, scheme):
    """Every text has a contrast of 4.5 to what is behind it, as WCAG 2 asks."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        show(page, "The dog ate the zyzzyva !", ["The", "dog", "ate", "the", "zyzzyva", "!"])
        why(page, chips(page)[1])
        page.execute_script("document.querySelectorAll('.word').forEach((word) => word.classList.add('doubtful'))")
        assert page.execute_script(LOWEST_CONTRAST) >= 4.5
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


LOWEST_CONTRAST = """
const channels = (color) => color.match(/[\\d.]+/g).map(Number);
const luminance = (color) => channels(color).slice(0, 3).map((c) => c / 255)
  .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (element) => {
  const color = getComputedStyle(element).backgroundColor;
  const isOpaque = channels(color).length === 3 || channels(color)[3] === 1;
  return isOpaque || !element.parentElement ? color : behind(element.parentElement);
};
const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
return Math.min(...[...document.querySelectorAll("body *")]
  .filter((element) => hasText(element) && element.checkVisibility() && !element.disabled)
  .map((element) => [luminance(getComputedStyle(element).color), luminance(behind(element))].sort((a, b) => b - a))
  .map(([light, dark]) => (light + 0.05) / (dark + 0.05)));
"""


def test_service_that_is_gone_is_told(driver, url):
    driver.get(url)
    wait_for(driver, lambda: shown_words(driver))
    driver.execute_script("window.fetch = () => Promise.reject(new TypeError('network'))")
    driver.find_element(by.ID, "text").send_keys(" more")
    wait_for(driver, lambda: driver.find_element(by.ID, "error").text == "The service does not answer.")


def test_every_step_of_the_network_is_a_page_of_its_own(page, url):
    show(page, "The dog ate", ["The", "dog", "ate"])
    panel = why(page, chips(page)[1])
    first = page.current_window_handle
    panel.find_element(by.CSS_SELECTOR, ".inside button").click()
    wait_for(page, lambda: len(page.window_handles) == 2)
    (other,) = set(page.window_handles) - {first}
    page.switch_to.window(other)
    try:
        wait_for(page, lambda: page.find_elements(by.CSS_SELECTOR, ".picker input"))
        assert page.current_url == f"{url}/inside"
        # Its script runs, which shows the panel of the picked word alone.
        assert [panel for panel in page.find_elements(by.CSS_SELECTOR, "div[data-word]") if panel.is_displayed()]
        assert page.get_log("browser") == []
    finally:
        page.close()
        page.switch_to.window(first)
