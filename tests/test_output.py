import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Token
from spacy.vocab import Vocab

from spacy_lstm_tagger.component import load_pipeline
from spacy_lstm_tagger.output import FORMATS, render
from spacy_lstm_tagger.treebank import read_docs

from .conftest import SENTENCES, TEXTS

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
    return f"{100 * token._.pos_confidence:.0f}%/{100 * token._.tag_confidence:.0f}%"


def annotated(words: List[str], **layers: Any) -> Doc:
    return Doc(VOCAB, words=words, **layers)


def read_conllu(text: str) -> List[Tuple[List[str], List[List[str]]]]:
    """Each sentence's comments and rows."""
    assert text == "" or text.endswith("\n\n")
    sentences = []
    for block in text.split("\n\n")[:-1]:
        lines = block.split("\n")
        rows = [line.split("\t") for line in lines if not line.startswith("# ")]
        sentences.append(([line for line in lines if line.startswith("# ")], rows))
    return sentences


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
        self.inside = dict(attrs).get("class", "")
        if self.inside in self.found:
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
        expected = [[*columns_of(token), *([percents(token)] if confidence else [])] for token in words_of(doc)]
        header = ["word", "UPOS", "XPOS", "FEATS", *(["confidence"] if confidence else [])]
        assert lines[:1] == ([header] if expected else [])
        assert lines[2:] == expected


def test_table_is_aligned(docs: List[Doc]) -> None:
    header, _, *rows = (line for line in render_one([docs[3]], "table").splitlines() if line.strip())
    for name, value in [("UPOS", lambda token: token.pos_), ("XPOS", lambda token: token.tag_)]:
        column = header.index(name)
        assert [row[column:].split()[0] for row in rows] == [value(token) for token in words_of(docs[3])]


@pytest.mark.parametrize("confidence", [False, True])
def test_conllu_reads_back(confidence: bool, docs: List[Doc], tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text(render_one(docs, "conllu", confidence=confidence), encoding="utf8", newline="")
    expected = [[columns_of(token) for token in words_of(doc)] for doc in docs if words_of(doc)]
    assert [[columns_of(token) for token in doc] for doc in read_docs(path, docs[0].vocab)] == expected
    texts = [" ".join(doc.text.split()) for doc in docs if words_of(doc)]
    assert [doc.text.strip() for doc in read_docs(path, docs[0].vocab)] == texts


def test_conllu_has_ten_columns_and_consecutive_ids(docs: List[Doc]) -> None:
    sentences = read_conllu(render_one(docs, "conllu"))
    for (_, rows), doc in zip(sentences, [doc for doc in docs if words_of(doc)], strict=True):
        assert {len(row) for row in rows} == {10}
        assert [row[0] for row in rows] == [str(i) for i in range(1, len(words_of(doc)) + 1)]


def test_conllu_text_is_the_forms_joined(docs: List[Doc]) -> None:
    for comments, rows in read_conllu(render_one(docs, "conllu", confidence=True)):
        joined = "".join(row[1] + ("" if "SpaceAfter=No" in row[9].split("|") else " ") for row in rows)
        assert comments == [f"# text = {joined.strip()}"]


@pytest.mark.parametrize(
    "words, spaces, space_after",
    [
        (["a", "b", "c"], [True, False, False], [True, False, True]),
        (["a", "\n", "b"], [False, False, False], [True, True]),
        ([" ", "a", "b"], [False, False, True], [False, True]),
    ],
)
def test_conllu_marks_words_without_a_space_after(
    words: List[str], spaces: List[bool], space_after: List[bool]
) -> None:
    ((_, rows),) = read_conllu(render_one([annotated(words, spaces=spaces)], "conllu"))
    assert [row[9] for row in rows] == ["_" if space else "SpaceAfter=No" for space in space_after]


def test_conllu_has_a_sentence_for_each_of_the_docs(trained: Language) -> None:
    words = [word for sentence in SENTENCES for word in ["\n", *sentence["words"]]]
    starts = [i == 0 for sentence in SENTENCES for i in range(len(sentence["words"]) + 1)]
    doc = trained(Doc(trained.vocab, words=words, sent_starts=starts))
    sentences = read_conllu(render_one([doc], "conllu"))
    assert [[row[1] for row in rows] for _, rows in sentences] == [sentence["words"] for sentence in SENTENCES]
    assert [[row[0] for row in rows] for _, rows in sentences] == [
        [str(i) for i in range(1, len(sentence["words"]) + 1)] for sentence in SENTENCES
    ]
    assert [comments for comments, _ in sentences] == [[f"# text = {' '.join(s['words'])}"] for s in SENTENCES]


def test_conllu_leaves_out_sentences_of_whitespace() -> None:
    doc = annotated(["a", "\n", "b"], sent_starts=[True, True, True])
    assert [[row[1] for row in rows] for _, rows in read_conllu(render_one([doc], "conllu"))] == [["a"], ["b"]]


def test_conllu_misc_has_the_confidence(docs: List[Doc]) -> None:
    (_, rows), *_ = read_conllu(render_one([docs[-1]], "conllu", confidence=True))
    for row, token in zip(rows, words_of(docs[-1]), strict=True):
        misc = dict(part.split("=") for part in row[9].split("|"))
        misc.pop("SpaceAfter", None)
        assert {name: float(value) for name, value in misc.items()} == {
            name: pytest.approx(token._.get(name), abs=1e-4) for name in ("tag_confidence", "pos_confidence")
        }


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


@pytest.mark.parametrize("format", ["table", "conllu", "json", "tsv"])
def test_docs_together_equal_docs_alone(format: str, docs: List[Doc]) -> None:
    assert render_one(docs, format) == "".join(render_one([doc], format) for doc in docs)


@pytest.mark.parametrize("format", ["table", "conllu", "json", "tsv"])
def test_docs_are_rendered_one_at_a_time(format: str, docs: List[Doc]) -> None:
    taken = []
    pieces = render((taken.append(doc) or doc for doc in docs[3:]), format)
    next(pieces)
    assert len(taken) == 1


def test_unknown_format_raises() -> None:
    with pytest.raises(ValueError, match=r"Unknown format 'xml'\. Use one of: table, conllu, json, tsv, html\."):
        render([], "xml")


def test_html_escapes_tags() -> None:
    doc = Doc(Vocab(), words=["a"], tags=["<script>x"])
    assert "<script>x" not in "".join(render([doc], "html"))


def test_conllu_keeps_that_no_space_follows_a_sentence() -> None:
    doc = Doc(Vocab(), words=["Yes", "No"], spaces=[False, False], sent_starts=[True, True])
    lines = "".join(render([doc], "conllu")).splitlines()
    assert [line.split("\t")[-1] for line in lines if "\t" in line] == ["SpaceAfter=No", "_"]
