import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest
import spacy
import srsly
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_lstm_tagger.evaluation.judgements import Judgement, accuracy, evaluate_layers, judge_words
from spacy_lstm_tagger.evaluation.report import CONTEXT, N_MISTAKES, N_OPEN, find_surest_mistakes, write_report

from ..conftest import make_pipeline
from .test_figures import LOG, make_judgements
from .test_judgements import make_evaluation_examples

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """A page's elements and text. Fails on one whose elements are not nested."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: List[str] = []
        self.elements: List[Dict[str, Optional[str]]] = []
        self.texts: Dict[str, List[str]] = {}
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append({"tag": tag, **dict(attrs)})
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.elements.append({"tag": tag, **dict(attrs)})

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts[tag][-1] += data

    def all(self, tag: str) -> List[str]:
        return [" ".join(text.split()) for text in self.texts.get(tag, [])]


@pytest.fixture(scope="module")
def learner() -> Language:
    """A pipeline that still errs. Not to be changed."""
    return make_pipeline(steps=6)


@pytest.fixture
def judgements(learner: Language) -> Dict[str, List[Judgement]]:
    return judge_words(learner, make_evaluation_examples(learner))


@pytest.fixture(params=[True, False], ids=["plots", "tables"])
def with_plots(request: Any, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether there is matplotlib."""
    if request.param:
        pytest.importorskip("matplotlib")
    else:
        monkeypatch.setattr("spacy_lstm_tagger.evaluation.figures.find_spec", lambda name: None)
    return bool(request.param)


def read_report(directory: Path, *arguments: Any) -> str:
    return write_report(directory, *arguments).read_text("utf8")


def test_page_is_whole_and_needs_nothing_else(
    with_plots: bool, learner: Language, judgements: Any, tmp_path: Path
) -> None:
    html = read_report(tmp_path / "new" / "report", learner, "data.conllu", judgements)
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert not {"link", "img", "iframe", "object"} & {element["tag"] for element in page.elements}
    assert not any("src" in element for element in page.elements)
    links = [element.get(name) for element in page.elements for name in ("src", "href", "xlink:href", "srcset")]
    assert all(link.startswith("#") for link in links if link is not None)
    assert "@import" not in html and not re.search(r"url\((?!#)", html)
    assert {"charset": "utf-8", "tag": "meta"} in page.elements
    assert any(element.get("name") == "viewport" for element in page.elements)


def test_ids_are_unique_and_links_lead_to_them(
    with_plots: bool, learner: Language, judgements: Any, tmp_path: Path
) -> None:
    page = Page(read_report(tmp_path, learner, "data.conllu", judgements))
    ids = [element["id"] for element in page.elements if element.get("id")]
    assert len(ids) == len(set(ids))
    assert {element["href"] for element in page.elements if element.get("href")} <= {f"#{name}" for name in ids}


def test_plots_have_tables_beside_them(with_plots: bool, learner: Language, judgements: Any, tmp_path: Path) -> None:
    page = Page(read_report(tmp_path, learner, "data.conllu", judgements))
    details = [element for element in page.elements if element["tag"] == "details"]
    n_plots = sum(element.get("role") == "img" for element in page.elements)
    details = [element for element in details if element.get("class") != "more"]
    assert len(details) == len(page.all("figure")) == 3 + 2 * len(judgements)
    # Confusions of features are a table alone.
    assert n_plots == (len(details) - 1 if with_plots else 0)
    assert sum("open" in element for element in details) == len(details) - n_plots
    assert ("pip install matplotlib" in page.all("code")) == (not with_plots)


def test_scores_are_those_of_the_evaluation(learner: Language, judgements: Any, tmp_path: Path) -> None:
    page = Page(read_report(tmp_path, learner, "data.conllu", judgements))
    layers = evaluate_layers(learner, make_evaluation_examples(learner))
    cells = page.all("td")
    for name, layer in (("UPOS", "pos"), ("XPOS", "tag"), ("FEATS", "morph")):
        row = cells[cells.index(name) :][:8]
        scores = layers[layer]
        shares = [accuracy(confusions) for confusions in (scores.all, scores.known, scores.unknown)]
        assert row[1] == "-"
        assert row[2:5] == [f"{100 * share:.2f}" for share in shares]
        assert row[5:7] == [str(scores.all.total()), str(scores.unknown.total())]
    n_words = max(scores.all.total() for scores in layers.values())
    assert f"data.conllu, 7 sentences, {n_words} words" in page.all("dd")


def test_shares_of_words_and_sentences_without_any_mistake(learner: Language, judgements: Any, tmp_path: Path) -> None:
    page = Page(read_report(tmp_path, learner, "data.conllu", judgements))
    wrong, words = set(), set()
    for layer in judgements.values():
        words |= {judgement.token for judgement in layer}
        wrong |= {judgement.token for judgement in layer if not judgement.is_right}
    docs = {token.doc for token in words}
    whole = len(docs) - len({token.doc for token in wrong})
    (text,) = [text for text in page.all("p") if "in every layer" in text]
    assert re.findall(r"[\d.]+(?= %)", text) == [
        f"{100 * (1 - len(wrong) / len(words)):.2f}",
        f"{100 * whole / len(docs):.2f}",
    ]


def test_facts_about_the_run_are_shown(learner: Language, judgements: Any, tmp_path: Path) -> None:
    page = Page(read_report(tmp_path, learner, "data.conllu", judgements, {}, None, {"Config": "fast, seed 3"}))
    assert "fast, seed 3" in page.all("dd")
    assert any(f"spacy {spacy.__version__}" in text for text in page.all("dd"))


def test_curve_is_there_if_the_log_is(learner: Language, judgements: Any, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    without = Page(read_report(tmp_path, learner, "data", judgements, {}, log))
    srsly.write_jsonl(log, LOG)
    with_log = Page(read_report(tmp_path, learner, "data", judgements, {}, log))
    assert set(with_log.all("h3")) - set(without.all("h3")) == {"Learning curve"}


def test_same_data_give_the_same_page(learner: Language, judgements: Any, tmp_path: Path) -> None:
    pages = [read_report(tmp_path / name, learner, "data", judgements) for name in ("a", "b")]
    assert pages[0] == pages[1]


def test_layers_that_are_not_annotated_are_left_out(learner: Language, judgements: Any, tmp_path: Path) -> None:
    page = Page(read_report(tmp_path, learner, "data", {"tag": judgements["tag"]}))
    assert page.all("h2") == ["Scores", "XPOS"]


def test_nothing_to_report_on_is_an_error(learner: Language, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="data has no annotation to report on"):
        write_report(tmp_path / "report", learner, "data", {})
    assert not (tmp_path / "report").exists()


def test_progress_sees_every_figure(with_plots: bool, learner: Language, judgements: Any, tmp_path: Path) -> None:
    seen: List[Any] = []
    write_report(
        tmp_path, learner, "data", judgements, {}, None, {}, lambda figures: seen.extend(figures) or iter(figures)
    )
    assert len(seen) == 3 + 2 * len(judgements)


def test_surest_mistakes_equal_a_slow_search() -> None:
    judgements = make_judgements(400)
    found = find_surest_mistakes(judgements)
    assert len(found) == N_MISTAKES
    assert all(judgement.gold != judgement.predicted for judgement in found)
    probabilities = [judgement.probability for judgement in found]
    assert probabilities == sorted(probabilities, reverse=True)
    rest = [judgement for judgement in judgements if not judgement.is_right and judgement not in found]
    assert max(j.probability for j in rest if j.probability == j.probability) <= probabilities[-1]


def test_mistakes_are_marked_in_their_sentences(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    words = ["<i>", "very", "&", "good", "!"]
    doc = Doc(nlp.vocab, words=words, spaces=[True, True, True, False, False])
    long_doc = Doc(nlp.vocab, words=[f"w{i}" for i in range(3 * CONTEXT)])
    wrong = [
        Judgement(doc[3], "ADJ", "<b>", 0.75, 1),
        Judgement(long_doc[CONTEXT + 5], "X", "Y", 0.9, 0),
        Judgement(doc[0], "SYM", "X", 0.5, 1234),
    ]
    page = Page(read_report(tmp_path, nlp, "data", {"pos": wrong}))
    items = [" ".join(item.split()) for item in page.texts["li"][-3:]]
    assert items[1] == "<i> very & good! predicted <b> with 75.0% · gold ADJ · once in the training data"
    assert items[2] == "<i> very & good! predicted X with 50.0% · gold SYM · 1,234 times in the training data"
    assert items[0].startswith("… w5 w6 ") and f" w{2 * CONTEXT + 5} … predicted Y with 90.0%" in items[0]
    assert items[0].endswith("not in the training data")
    assert page.all("mark") == [f"w{CONTEXT + 5}", "good", "<i>"]


def test_ten_mistakes_are_shown_and_the_others_folded(learner: Language, tmp_path: Path) -> None:
    doc = Doc(learner.vocab, words=[f"w{i}" for i in range(40)])
    wrong = [Judgement(doc[i], "X", "Y", 0.5, 1) for i in range(40)]
    html = read_report(tmp_path, learner, "data", {"pos": wrong})
    before, folded = html.split('<details class="more">')
    assert before.count("<mark>") == N_OPEN
    assert "<summary>30 more</summary>" in folded and folded.count("<mark>") == 30


def test_repeated_mistakes_are_shown_once(learner: Language, tmp_path: Path) -> None:
    docs = [Doc(learner.vocab, words=["Thanks", "!"]) for _ in range(4)]
    wrong = [Judgement(doc[0], "NOUN", "INTJ", 0.9, 1) for doc in docs]
    page = Page(read_report(tmp_path, learner, "data", {"pos": wrong}))
    assert page.all("mark") == ["Thanks"]
    assert any(text.endswith("once in the training data · 4 times") for text in page.all("p"))


def test_page_of_a_large_evaluation_is_small(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    nlp = spacy.blank("en")
    doc = Doc(nlp.vocab, words=["word"] * 60)
    labels = [f"Case={a}|Number={b}|Person={c}" for a in range(10) for b in range(8) for c in range(8)]
    wrong = [Judgement(doc[i % 60], labels[i % 640], labels[(7 * i) % 640], (i % 997) / 997, i) for i in range(20_000)]
    assert len(read_report(tmp_path, nlp, "data", {"pos": wrong, "tag": wrong, "morph": wrong})) < 1_000_000


def test_examples_without_the_layer_of_the_pipeline(learner: Language, tmp_path: Path) -> None:
    reference = Doc(learner.vocab, words=["Run", "!"], tags=["VB", "."])
    examples = [Example(Doc(learner.vocab, words=["Run", "!"]), reference)]
    page = Page(read_report(tmp_path, learner, "data", judge_words(learner, examples)))
    assert page.all("h2") == ["Scores", "XPOS"]
