import json
import re
from html import unescape
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
from spacy_lstm_tagger.pipeline.confidence import register_confidence
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


def confidences(token: Token) -> List[float]:
    names = [f"{layer}_confidence" for layer in ("pos", "tag", "morph")]
    return [token._.get(name) for name in names if Token.has_extension(name)]


def is_doubtful(token: Token) -> bool:
    return min(confidences(token)) < DOUBTFUL


def percents(token: Token) -> List[str]:
    return [f"{100 * value:.0f}" + ("?" if value < DOUBTFUL else "") for value in confidences(token)]


def annotated(words: List[str], **layers: Any) -> Doc:
    return Doc(VOCAB, words=words, **layers)


class Page(HTMLParser):
    """The words of a page: their class, text, label and details."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: List[Dict[str, str]] = []
        self.tags: List[str] = []
        self.open: List[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if tag in ("span", "small"):
            classes = (dict(attrs).get("class") or tag).split()
            self.open.append(classes[0])
            if classes[0] == "word":
                self.words.append({"class": " ".join(classes[1:]), "form": "", "small": "", "details": ""})
                assert dict(attrs)["tabindex"] == "0"

    def handle_endtag(self, tag: str) -> None:
        if tag in ("span", "small"):
            self.open.pop()

    def handle_data(self, data: str) -> None:
        for name in ("form", "small", "details"):
            if "word" in self.open and name in self.open:
                self.words[-1][name] += data


@pytest.mark.parametrize("confidence", [False, True])
def test_table_has_a_row_a_word(confidence: bool, docs: List[Doc]) -> None:
    for doc in docs:
        lines = [
            line.split() for line in render_one([doc], "table", confidence=confidence).splitlines() if line.strip()
        ]
        expected = [[*columns_of(token), *(percents(token) if confidence else [])] for token in words_of(doc)]
        names = ["UPOS%", "XPOS%", "FEATS%"][: len(expected and expected[0]) - 4] if confidence else []
        header = ["word", "UPOS", "XPOS", "FEATS", *names]
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
    assert doubtful.count("\x1b[1;") == doubtful.count("?")


def test_every_upos_tag_has_a_color() -> None:
    assert set(UPOS_COLORS) == set(UPOS)


def test_whitespace_in_words_breaks_no_row() -> None:
    docs = [annotated(["New\n\tYork", "is"])]
    assert [line.split("\t")[0] for line in render_one(docs, "tsv").splitlines()] == ["text", "New York", "is", ""]
    assert render_one(docs, "table").splitlines()[2].startswith("New York ")


MARKS = [("conllu", "Doubtful=Yes"), ("table", "?"), ("json", '"doubtful": true'), ("html", " doubtful")]


@pytest.mark.parametrize("format, mark", MARKS)
def test_doubtful_words_are_marked(format: str, mark: str, docs: List[Doc]) -> None:
    doubtful = [token for doc in docs for token in words_of(doc) if is_doubtful(token)]
    assert 0 < len(doubtful) < len([token for doc in docs for token in words_of(doc)])
    text = render_one(docs, format, confidence=True)
    found = [word["class"] for word in Page(text).words] if format == "html" else re.split(r"\n|}, ", text)
    assert sum(mark.strip() in row for row in found) == len(doubtful)
    assert mark not in render_one(docs, format)


@pytest.mark.parametrize("confidence", [False, True])
def test_json_lines_hold_every_token(confidence: bool, docs: List[Doc]) -> None:
    lines = render_one(docs, "json", confidence=confidence).split("\n")
    assert lines.pop() == ""
    for line, doc in zip(map(json.loads, lines), docs, strict=True):
        assert line["text"] == doc.text
        names = ["pos_confidence", "tag_confidence", "morph_confidence"] if confidence else []
        assert line["tokens"] == [
            {
                **{"text": t.text, "pos": t.pos_, "tag": t.tag_, "morph": str(t.morph)},
                **{name: t._.get(name) for name in names if t._.get(name) is not None},
                **({"doubtful": is_doubtful(t)} if confidence and not t.is_space else {}),
            }
            for t in doc
        ]
        if confidence:
            assert all(name in token for token in line["tokens"] for name in names if token["text"].strip())


@pytest.mark.parametrize("confidence", [False, True])
def test_tsv_columns(confidence: bool, docs: List[Doc]) -> None:
    lines = render_one(docs, "tsv", confidence=confidence).split("\n")
    assert lines.pop() == ""
    header, *rows = [line.split("\t") for line in lines]
    assert header[:4] == ["text", "pos", "tag", "morph"]
    assert header[4:6] == (["pos_confidence", "tag_confidence"] if confidence else [])
    tokens = [token for doc in docs for token in [*words_of(doc), None]]
    for row, token in zip(rows, tokens, strict=True):
        assert row[:4] == (columns_of(token) if token is not None else [""])
        for name, value in zip(header[4:], row[4:]):
            assert float(value) == pytest.approx(token._.get(name), abs=1e-4)


@pytest.mark.parametrize("confidence", [False, True])
def test_html_has_each_word_and_its_labels(confidence: bool, docs: List[Doc]) -> None:
    page = Page(render_one(docs, "html", confidence=confidence))
    for shown, token in zip(page.words, [token for doc in docs for token in words_of(doc)], strict=True):
        assert (shown["form"], shown["small"]) == (token.text, token.pos_)
        assert all(feature in shown["details"] for feature in [token.tag_, *token.morph])
        assert f"{100 * token._.tag_confidence:.0f} %" in shown["details"] or not confidence


def test_html_keeps_spaces_and_line_breaks() -> None:
    page = render_one([annotated(["do", "n't", "\n", "go"], spaces=[False, True, False, False])], "html")
    text = re.sub(r'<span class="details">.*?</span></span>|<small>.*?</small>', "", page.partition('class="text">')[2])
    assert unescape(re.sub("<(?!br).*?>|\n", "", text)).strip() == "don't <br>go"


@pytest.mark.parametrize("pos, group", [("AUX", "verb"), ("PRON", "noun"), ("DET", "modifier"), ("", "other")])
def test_html_colors_words_by_upos(pos: str, group: str) -> None:
    page = render_one([annotated(["that"], pos=[pos])], "html")
    assert Page(page).words[0]["class"] == group
    assert f".{group} {{ background" in page


def test_html_is_one_page(docs: List[Doc]) -> None:
    page = render_one(docs, "html")
    assert page.startswith("<!DOCTYPE html>") and page.endswith("</html>\n")
    assert Page(page).tags.count("html") == 1
    assert Page(page).tags.count("p") == len(docs)


def test_html_says_its_encoding_language_and_direction() -> None:
    page = render_one([Doc(spacy.blank("he").vocab, words=["שלום"], pos=["INTJ"])], "html")
    assert '<meta charset="utf-8">' in page
    assert '<html lang="he" dir="rtl">' in page


def test_html_is_escaped() -> None:
    words = ["<b>&", "</svg>", "&amp;", '"']
    page = render_one([annotated(words)], "html")
    assert [word["form"] for word in Page(page).words] == words
    assert "svg" not in Page(page).tags and Page(page).tags.count("b") == len(words)


@pytest.mark.parametrize("format", FORMATS)
def test_confidence_is_shown_only_if_wanted(format: str, docs: List[Doc]) -> None:
    plain = render_one(docs, format).partition("</style>")[2 if format == "html" else 0]
    assert "%" not in plain and "confidence" not in plain


@pytest.mark.parametrize("format", ["conllu", "json"])
def test_confidence_that_was_not_kept_is_left_out(format: str, trained: Language) -> None:
    docs = list(trained.pipe(TEXTS))
    assert render_one(docs, format, confidence=True) == render_one(docs, format)


def test_tsv_keeps_its_columns_where_no_confidence_was_kept(trained: Language) -> None:
    header, line, *_ = render_one([trained("Run")], "tsv", confidence=True).splitlines()
    assert set(line.split("\t")[4:]) <= {"_"} and len(line.split("\t")) == len(header.split("\t"))


@pytest.mark.parametrize("format, expected", [("conllu", "_"), ("tsv", "_"), ("table", "_"), ("json", "")])
def test_missing_labels_are_marked(format: str, expected: str) -> None:
    text = render_one([annotated(["dog"])], format)
    found = {
        "conllu": lambda: read_conllu(text)[0][1][0][2:6],
        "tsv": lambda: text.split("\n")[1].split("\t")[1:],
        "table": lambda: text.split()[-3:],
        "json": lambda: [json.loads(text)["tokens"][0][name] for name in ("pos", "tag", "morph")],
    }[format]()
    assert set(found) == {expected}


@pytest.mark.parametrize("format", FORMATS)
def test_no_docs_have_no_words(format: str) -> None:
    text = render_one([], format)
    assert Page(text).words == [] if format == "html" else text == ""


@pytest.mark.parametrize("text", ["", "  ", "\n"])
@pytest.mark.parametrize("format, expected", [("table", ""), ("conllu", ""), ("tsv", "text\tpos\ttag\tmorph\n\n")])
def test_docs_without_words_have_no_rows(format: str, expected: str, text: str, trained: Language) -> None:
    assert render_one([trained(text)], format) == expected


@pytest.mark.parametrize("format", ["table", "json"])
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
            name: pytest.approx(token._.get(name), abs=1e-4)
            for name in ("pos_confidence", "tag_confidence", "morph_confidence")
        }


@pytest.fixture
def with_lemmas() -> Doc:
    doc = annotated(["Dogs", "ran"], pos=["NOUN", "VERB"], tags=["NNS", "VBD"], lemmas=["dog", "run"])
    doc.user_data[("._.", "lemma_confidence", 0, None)] = 0.5
    register_confidence()
    return doc


def test_lemmas_have_a_column_in_tables_and_tsv(with_lemmas: Doc) -> None:
    table = [line.split() for line in render_one([with_lemmas], "table", lemmas=True, confidence=True).splitlines()]
    assert table[0] == ["word", "UPOS", "XPOS", "FEATS", "LEMMA", "UPOS%", "XPOS%", "FEATS%", "LEMMA%"]
    assert table[2] == ["Dogs", "NOUN", "NNS", "_", "dog", "_", "_", "_", "50?"]
    tsv = [line.split("\t") for line in render_one([with_lemmas], "tsv", lemmas=True).splitlines()]
    assert tsv[:3] == [
        ["text", "pos", "tag", "morph", "lemma"],
        ["Dogs", "NOUN", "NNS", "_", "dog"],
        ["ran", "VERB", "VBD", "_", "run"],
    ]
    assert "dog" not in render_one([with_lemmas], "tsv")


def test_lemmas_are_in_json_conllu_and_html(with_lemmas: Doc) -> None:
    assert [token["lemma"] for token in json.loads(render_one([with_lemmas], "json"))["tokens"]] == ["dog", "run"]
    assert [line.split("\t")[2] for line in render_one([with_lemmas], "conllu").splitlines()[2:4]] == ["dog", "run"]
    assert "LEMMA" in render_one([with_lemmas], "html")
