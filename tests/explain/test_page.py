"""The page as a file: complete in itself, well formed, readable without JavaScript."""

import html
import json
import re
from html.parser import HTMLParser

import numpy
import pytest
from spacy.tokens import Doc
from spacy.util import load_config

from spacy_lstm_tagger.explain.explanation import explain
from spacy_lstm_tagger.explain.recurrence import QUANTITIES
from spacy_lstm_tagger.pipeline.loading import find_tagger, load_pipeline

from ..conftest import ROOT, make_pipeline

VOID = {"meta", "link", "img", "input", "wbr", "br"}
WORDS = ["The", "<b>dog", "$ate", '"the"', "apples", "</script>", "日本語", "."]


@pytest.fixture(scope="module")
def explanation(trained):
    return explain(trained, Doc(trained.vocab, words=WORDS))


@pytest.fixture(scope="module")
def page(explanation):
    return explanation.to_html()


class Reader(HTMLParser):
    """Collects what a reader without JavaScript gets, and checks that every tag is closed."""

    def __init__(self, page):
        super().__init__()
        self.open, self.texts, self.attributes, self.numbers = [], [], [], None
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, *attr) for attr in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if self.open and self.open[-1] == "script" and text.startswith("{"):
            self.numbers = json.loads(text)
        elif self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(text)

    def of(self, name):
        return [value for _, attribute, value in self.attributes if attribute == name]


def test_nothing_is_loaded_from_elsewhere(page):
    reader = Reader(page)
    assert all(url.startswith("data:") for url in reader.of("src"))
    links = [value for tag, name, value in reader.attributes if name == "href" and tag != "a"]
    assert links == ["data:,"]
    urls = re.findall(r"url\(([^)]*)\)", page)
    assert urls and all(url.startswith("data:image/png;base64,") for url in urls)
    assert not re.search(r"@import|\bfetch\(|XMLHttpRequest|\bimport\(", page)


def test_words_are_text_and_not_markup(page):
    texts = Reader(page).texts
    for word in WORDS:
        assert word in texts
    assert "<b>dog" not in page and page.count("</script>") == 3


def test_labels_and_their_probabilities_can_be_read(explanation, page):
    texts = [text.strip() for text in Reader(page).texts]
    for head, table in explanation.probabilities.items():
        for i, label in enumerate(explanation.chosen[head]):
            likeliest = numpy.sort(table[i])[::-1][:5]
            assert {f"{100 * share:.1f}%" for share in likeliest} <= set(texts)
            assert any(label == text for text in texts) or "|" in label


def test_labels_come_first_then_reasons_then_the_network(page):
    headings = re.findall(r'<h2 id="(\w+)">', page)
    assert headings == ["summary", "reasons", "lexicon", "network", "gates"]


def test_summary_says_the_probabilities_without_other_words(trained, explanation, page):
    """Of the words that change a label by a percentage point: what the tagger gives a sentence without them."""
    text = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", "", page)))
    said = re.findall(r"[wW]ithout “([^”]*)” it (falls|rises) to ([\d.]+)%", text)
    assert said
    doc = Doc(trained.vocab, words=WORDS)
    whole = find_tagger(trained).predict_proba([doc])[0]
    possible = set()
    for i, word in enumerate(WORDS):
        others = [place for place in range(len(WORDS)) if place != i]
        shorter = Doc(trained.vocab, words=[WORDS[place] for place in others])
        for head, table in find_tagger(trained).predict_proba([shorter])[0].items():
            for row, place in zip(table, others):
                before, after = whole[head][place].max(), row[whole[head][place].argmax()]
                possible.add((word, "falls" if after < before else "rises", f"{100 * after:.1f}"))
    assert set(said) <= possible


def test_text_is_not_the_title(trained):
    page = explain(trained, "The dog ate the apples and " * 10).to_html()
    title = re.search("<title>(.*)</title>", page)[1]
    assert len(title) < 90 and title.endswith("…")
    assert re.search("<h1>(.*)</h1>", page)[1] == "Why these labels?"


def test_without_neighbours_nothing_is_said_of_them():
    assert "Nearest word vectors" not in explain(load_pipeline("en"), "to").to_html()


def test_sum_that_is_off_is_said_to_be(explanation, page):
    assert "miss" not in page
    differences = {head: sums + 0.5 for head, sums in explanation.differences.items()}
    reasons = explanation.reasons._replace(differences=differences)
    assert explanation._replace(reasons=reasons).to_html().count("in sum all words miss it by +0.50") > 1


def test_every_picture_and_region_has_a_name(page):
    reader = Reader(page)
    images = [value for tag, name, value in reader.attributes if tag == "img" and name == "alt"]
    assert len(images) == len(reader.of("src")) and all(images)
    assert reader.of("role").count("region") <= len([label for label in reader.of("aria-label") if label])
    ids = reader.of("id")
    assert len(ids) == len(set(ids)) and set(reader.of("aria-labelledby")) <= set(ids)


def test_there_is_a_map_of_every_gate_and_state(explanation, page):
    n_members, depth, n_directions, n_quantities, *_ = explanation.states.shape
    panels = re.findall(r'<div class="gates" data-member="(\d)" data-layer="(\d)" data-direction="(\d)">', page)
    assert len(set(panels)) == n_members * depth * n_directions
    assert page.count('<div class="row heat">') == len(panels) * n_quantities


def test_equations_are_worked_without_the_script(explanation, page):
    """For the unit that moves most at each word, in each LSTM, with the numbers of the forward pass."""
    number = r"(-?\d+\.\d{4})"
    pattern = (
        rf'dir="auto">([^<]*)</th><td>(\d+)</td><td>{number} = {number} · {number} \+ {number} · {number}</td>'
        rf"<td>{number} = {number} · tanh {number}</td>"
    )
    found = re.findall(pattern, page.replace("\N{MINUS SIGN}", "-"))
    n_members, depth, n_directions, _, n_words, _ = explanation.states.shape
    assert len(found) == n_members * depth * n_directions * n_words
    states = explanation.states.transpose(0, 1, 2, 4, 3, 5).reshape(-1, len(QUANTITIES), explanation.states.shape[-1])
    for row, (word, unit, *numbers) in enumerate(found):
        c, f, before, i, g, h, o, again = map(float, numbers)
        lstm, place = divmod(row, n_words)
        assert html.unescape(word) == WORDS[place] and again == c
        step = -1 if lstm % n_directions else 1
        is_first = place == (0 if step == 1 else n_words - 1)
        cells = numpy.zeros_like(states[row, 3]) if is_first else states[row - step, 3]
        assert int(unit) == numpy.abs(states[row, 3] - cells).argmax()
        shown = [f, i, g, c, o, h, before]
        expected = [*states[row, :, int(unit)], cells[int(unit)]]
        numpy.testing.assert_allclose(shown, expected, rtol=0, atol=0.5e-4 + 2e-6)
        assert f * before + i * g == pytest.approx(c, abs=3e-4)
        assert o * numpy.tanh(c) == pytest.approx(h, abs=2e-4)


def test_script_gets_the_gates_of_the_network(explanation, page):
    import base64

    numbers = Reader(page).numbers
    gates = numpy.frombuffer(base64.b64decode(numbers["gates"]), "<f4").reshape(numbers["shape"])
    numpy.testing.assert_array_equal(gates, explanation.states[:, :, :, [0, 1, 2, 4]])
    assert numbers["words"] == WORDS


def test_notebook_gets_the_page_in_a_frame(explanation, page):
    frame = explanation._repr_html_()
    (document,) = Reader(frame).of("srcdoc")
    assert document == page


def test_before_and_after_are_shown_side_by_side(trained):
    explanation = explain(trained, "The dog", before=make_pipeline())
    texts = Reader(explanation.to_html()).texts
    for table in (explanation.before["pos"], explanation.probabilities["pos"]):
        assert {f"{share:.3f}" for share in table.ravel().tolist()} <= set(texts)


def test_without_before_there_is_no_such_section(page):
    assert "Before and after training" not in page


@pytest.mark.slow
def test_page_of_sixty_words_with_accurate_is_below_three_megabytes():
    config = load_config(ROOT / "configs" / "accurate.cfg")
    nlp = make_pipeline(model=config["components"]["lstm_tagger"]["model"])
    words = [f"{syllable}{i}tion" for i in range(20) for syllable in ("commu", "ra", "vaca")]
    explanation = explain(nlp, Doc(nlp.vocab, words=words))
    assert len(explanation.words) == 60 and explanation.states.shape == (1, 2, 2, 6, 60, 128)
    assert len(explanation.to_html().encode("utf8")) < 3_000_000
