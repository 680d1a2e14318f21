import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Dict, List

import pytest
import spacy
from rich.cells import cell_len
from spacy.language import Language
from spacy.tokens import Doc, Token
from spacy.vocab import Vocab

from spacy_lstm_tagger.annotation_layers import UPOS
from spacy_lstm_tagger.formats.tagged_text import DOUBTFUL, FORMATS, UPOS_COLORS, render
from spacy_lstm_tagger.pipeline.loading import load_pipeline

from ..conftest import TEXTS
from .test_conllu import read_conllu

VOCAB = spacy.blank("en").vocab


@pytest.fixture(scope="module")
def docs(trained_path: Path) -> List[Doc]:
    """Tagged docs with confidences, without sentence boundaries. Not to be changed."""
    return list(load_pipeline(trained_path, store_confidence=True).pipe([*TEXTS, "Yes! (The dog's apples.)"]))


def render_one(docs: List[Doc], format: str, **options: Any) -> str:
    return "".join(render(docs, format, **options))


def words_of(doc: Any) -> List[Token]:
    return [token for token in doc if not token.is_space]


def columns_of(token: Token) -> List[str]:
    return [token.text, token.pos_ or "_", token.tag_ or "_", str(token.morph) or "_"]


def percents(token: Token) -> str:
    mark = " ?" if min(token._.pos_confidence, token._.tag_confidence) < DOUBTFUL else ""
    return f"{100 * token._.pos_confidence:.0f}%/{100 * token._.tag_confidence:.0f}%{mark}"


def annotated(words: List[str], **layers: Any) -> Doc:
    return Doc(VOCAB, words=words, **layers)


class Spans(HTMLParser):
    """The text of a page's elements of each class."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: Dict[str, List[str]] = {"displacy-word": [], "displacy-tag": []}
        self.tags: List[str] = []
        self.inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if dict(attrs).get("class") in self.found:
            self.inside = dict(attrs)["class"]
            self.found[self.inside].append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside in self.found:
            self.found[self.inside][-1] += data


@pytest.mark.parametrize("confidence", [False, True])
def test_table_has_a_row_a_word(confidence: bool, docs: List[Doc]) -> None:
    for doc in docs:
        lines = [
            line.split() for line in render_one([doc], "table", confidence=confidence).splitlines() if line.strip()
        ]
        expected = [[*columns_of(token), *(percents(token).split() if confidence else [])] for token in words_of(doc)]
        header = ["word", "UPOS", "XPOS", "FEATS", *(["confidence"] if confidence else [])]
        assert lines[:1] == ([header] if expected else [])
        assert lines[2:] == expected


def test_table_is_aligned(docs: List[Doc]) -> None:
    header, _, *rows = (line for line in render_one([docs[3]], "table").splitlines() if line.strip())
    for name, value in [("UPOS", lambda token: token.pos_), ("XPOS", lambda token: token.tag_)]:
        column = header.index(name)
        assert [row[column:].split()[0] for row in rows] == [value(token) for token in words_of(docs[3])]


@pytest.mark.parametrize(
    "word", ["日本語", "nai\u0308ve", "👨\u200d👩\u200d👧", "\uff46\uff55\uff4c\uff4c", "ไทย", "न्यू"]
)
def test_table_is_aligned_where_characters_are_wide_or_combine(word: str) -> None:
    docs = [annotated(["dog", word], pos=["NOUN", "X"])]
    header, _, *rows = render_one(docs, "table").splitlines()
    assert [cell_len(row[: row.rindex(pos)]) for row, pos in zip(rows, ["NOUN", "X"])] == [header.index("UPOS")] * 2


def test_table_has_colors_only_if_wanted(docs: List[Doc]) -> None:
    plain = render_one(docs, "table", confidence=True)
    colored = render_one(docs, "table", confidence=True, color=True)
    assert "\x1b" not in plain
    assert re.sub("\x1b\\[[0-9;]*m", "", colored).replace(" ", "") == plain.replace(" ", "")
    assert f"\x1b[38;5;{UPOS_COLORS['NOUN']}mNOUN" in colored
    (doubtful, *_) = [line for line in colored.splitlines() if "?" in line]
    assert doubtful.count("\x1b[1;") == 1


def test_every_upos_tag_has_a_color() -> None:
    assert set(UPOS_COLORS) == set(UPOS)


def test_whitespace_in_words_breaks_no_row() -> None:
    docs = [annotated(["New\n\tYork", "is"])]
    assert [line.split("\t")[0] for line in render_one(docs, "tsv").splitlines()] == ["New York", "is", ""]
    assert render_one(docs, "table").splitlines()[2].startswith("New York ")


@pytest.mark.parametrize("format, mark", [("conllu", "Doubtful=Yes"), ("table", "?"), ("tsv", "?"), ("html", "?")])
def test_doubtful_words_are_marked(format: str, mark: str, docs: List[Doc]) -> None:
    doubtful = [token for doc in docs for token in words_of(doc) if percents(token).endswith("?")]
    assert 0 < len(doubtful) < len([token for doc in docs for token in words_of(doc)])
    assert render_one(docs, format, confidence=True).count(mark) == len(doubtful)
    assert mark not in render_one(docs, format)


@pytest.mark.parametrize("confidence", [False, True])
def test_json_lines_hold_every_token(confidence: bool, docs: List[Doc]) -> None:
    lines = render_one(docs, "json", confidence=confidence).split("\n")
    assert lines.pop() == ""
    for line, doc in zip(map(json.loads, lines), docs, strict=True):
        assert line["text"] == doc.text
        names = ["tag_confidence", "pos_confidence"] if confidence else []
        assert line["tokens"] == [
            {
                **{"text": t.text, "pos": t.pos_, "tag": t.tag_, "morph": str(t.morph)},
                **{name: t._.get(name) for name in names if t._.get(name) is not None},
                **({"doubtful": percents(t).endswith("?")} if confidence and not t.is_space else {}),
            }
            for t in doc
        ]
        if confidence:
            assert all(name in token for token in line["tokens"] for name in names if token["text"].strip())


@pytest.mark.parametrize("confidence", [False, True])
def test_tsv_columns(confidence: bool, docs: List[Doc]) -> None:
    expected = []
    for doc in docs:
        expected += [[*columns_of(token), *([percents(token)] if confidence else [])] for token in words_of(doc)]
        expected.append([""])
    lines = render_one(docs, "tsv", confidence=confidence).split("\n")
    assert lines.pop() == ""
    assert [line.split("\t") for line in lines] == expected


@pytest.mark.parametrize("confidence", [False, True])
def test_html_has_each_word_and_its_labels(confidence: bool, docs: List[Doc]) -> None:
    spans = Spans(render_one(docs, "html", confidence=confidence))
    words = [token for doc in docs for token in words_of(doc)]
    assert spans.found["displacy-word"] == [token.text for token in words]
    assert spans.found["displacy-tag"] == [
        " ".join([token.pos_, token.tag_, *([percents(token)] if confidence else [])]) for token in words
    ]


def test_html_is_one_page(docs: List[Doc]) -> None:
    page = render_one(docs, "html")
    assert page.startswith("<!DOCTYPE html>") and page.endswith("</html>\n")
    assert Spans(page).tags.count("html") == 1
    assert Spans(page).tags.count("svg") == len(docs)


def test_html_says_its_encoding_language_and_direction() -> None:
    page = render_one([Doc(spacy.blank("he").vocab, words=["שלום"], pos=["INTJ"])], "html")
    assert '<meta charset="utf-8">' in page
    assert '<html lang="he" dir="rtl">' in page and "direction: rtl" in page


def test_html_leaves_room_for_long_words() -> None:
    word = "Donaudampfschifffahrtsgesellschaft"
    places = [float(x) for x in re.findall(r'displacy-word".* x="(\d+)"', render_one([annotated([word] * 3)], "html"))]
    assert places[1] - places[0] == places[2] - places[1] > 8 * len(word)
    assert places[0] > 4 * len(word)


def test_html_is_escaped() -> None:
    words = ["<b>&", "</svg>", "&amp;", '"']
    page = render_one([annotated(words)], "html")
    spans = Spans(page)
    assert spans.found["displacy-word"] == words
    assert "b" not in spans.tags and page.count("</svg>") == 1


@pytest.mark.parametrize("format", FORMATS)
def test_confidence_is_shown_only_if_wanted(format: str, docs: List[Doc]) -> None:
    plain = render_one(docs, format)
    assert "%" not in plain and "confidence" not in plain


@pytest.mark.parametrize("format", ["conllu", "json"])
def test_confidence_that_was_not_kept_is_left_out(format: str, trained: Language) -> None:
    docs = list(trained.pipe(TEXTS))
    assert render_one(docs, format, confidence=True) == render_one(docs, format)


def test_tsv_keeps_its_columns_where_no_confidence_was_kept(trained: Language) -> None:
    (line, *_) = render_one([trained("Run")], "tsv", confidence=True).splitlines()
    assert line.split("\t")[4:] == ["_"]


@pytest.mark.parametrize("format, expected", [("conllu", "_"), ("tsv", "_"), ("table", "_"), ("json", "")])
def test_missing_labels_are_marked(format: str, expected: str) -> None:
    text = render_one([annotated(["dog"])], format)
    found = {
        "conllu": lambda: read_conllu(text)[0][1][0][2:6],
        "tsv": lambda: text.split("\n")[0].split("\t")[1:],
        "table": lambda: text.split()[-3:],
        "json": lambda: [json.loads(text)["tokens"][0][name] for name in ("pos", "tag", "morph")],
    }[format]()
    assert set(found) == {expected}


@pytest.mark.parametrize("format", FORMATS)
def test_no_docs_have_no_words(format: str) -> None:
    text = render_one([], format)
    assert Spans(text).found["displacy-word"] == [] if format == "html" else text == ""


@pytest.mark.parametrize("text", ["", "  ", "\n"])
@pytest.mark.parametrize("format, expected", [("table", ""), ("conllu", ""), ("tsv", "\n")])
def test_docs_without_words_have_no_rows(format: str, expected: str, text: str, trained: Language) -> None:
    assert render_one([trained(text)], format, confidence=True) == expected


@pytest.mark.parametrize("format", ["table", "json", "tsv"])
def test_docs_together_equal_docs_alone(format: str, docs: List[Doc]) -> None:
    assert render_one(docs, format) == "".join(render_one([doc], format) for doc in docs)


@pytest.mark.parametrize("format", FORMATS)
def test_docs_are_rendered_one_at_a_time(format: str, docs: List[Doc]) -> None:
    taken = []
    pieces = render((taken.append(doc) or doc for doc in docs[3:]), format)
    while "dog" not in next(pieces):
        pass
    assert len(taken) == 1


def test_unknown_format_raises() -> None:
    with pytest.raises(ValueError, match=r"Unknown format 'xml'\. Use one of: table, conllu, json, tsv, html\."):
        render([], "xml")


def test_html_escapes_tags() -> None:
    doc = Doc(Vocab(), words=["a"], tags=["<script>x"])
    assert "<script>x" not in "".join(render([doc], "html"))


def test_conllu_misc_has_the_confidence(docs: List[Doc]) -> None:
    (_, rows), *_ = read_conllu(render_one([docs[-1]], "conllu", confidence=True))
    for row, token in zip(rows, words_of(docs[-1]), strict=True):
        misc = dict(part.split("=") for part in row[9].split("|"))
        misc.pop("SpaceAfter", None)
        misc.pop("Doubtful", None)
        assert {name: float(value) for name, value in misc.items()} == {
            name: pytest.approx(token._.get(name), abs=1e-4) for name in ("tag_confidence", "pos_confidence")
        }
