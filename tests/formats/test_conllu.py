import re
import unicodedata
from pathlib import Path
from typing import Any, List, Tuple

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, Token
from spacy.training.converters import conllu_to_docs

from spacy_lstm_tagger.annotation_layers import UPOS
from spacy_lstm_tagger.formats.conllu import render_conllu, render_feats
from spacy_lstm_tagger.formats.treebank import read_docs

from ..conftest import SENTENCES, TEXTS

VOCAB = spacy.blank("en").vocab

FEATS = ["", "Case=Nom", "Abbr=Yes|Number=Sing|PronType=Prs", "Number[psor]=Sing|NumType=Card|number=X", "Case=Acc,Dat"]
CHARACTERS = st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(" \n\t\r\u00a0\u2028\x1cae\u0301_#|="))
WORDS = st.tuples(
    st.text(CHARACTERS, min_size=1, max_size=6),
    st.booleans(),
    st.sampled_from(["NN", ".", "-LRB-", ""]),
    st.sampled_from(["NOUN", "PUNCT", "X", ""]),
    st.sampled_from(FEATS),
    st.booleans(),
)


def read_conllu(text: str) -> List[Tuple[List[str], List[List[str]]]]:
    """Each sentence's comments and rows."""
    assert text == "" or text.endswith("\n\n")
    sentences = []
    for block in text.split("\n\n")[:-1]:
        lines = block.split("\n")
        rows = [line.split("\t") for line in lines if not line.startswith("# ")]
        sentences.append(([line for line in lines if line.startswith("# ")], rows))
    return sentences


def find_faults(text: str) -> List[str]:
    """What breaks the rules of UD's validator for the format (level 1), and for comments, features and trees (level 2),
    where a column may also be empty."""
    faults: List[str] = []

    def check(is_right: bool, *fault: object) -> None:
        if not is_right:
            faults.append(" ".join(map(str, fault)))

    known_ids = set()
    check("\r" not in text, "line ends are LF")
    for comments, rows in read_conllu(text):
        check(bool(rows), "sentence without words")
        ids = [c[len("# sent_id = ") :] for c in comments if c.startswith("# sent_id")]
        check(len(ids) == 1 and re.fullmatch(r"\S+", ids[0]) and ids[0] not in known_ids, "sent_id", ids)
        known_ids.update(ids)
        texts = [c[len("# text = ") :] for c in comments if c.startswith("# text = ")]
        check(len(texts) == 1, "one text", comments)
        rest = texts[0]
        check(rest and rest == rest.strip(), "space around text", repr(rest))
        check([row[0] for row in rows] == [str(i + 1) for i in range(len(rows))], "IDs", rows)
        for cells in rows:
            row = [*cells, *[""] * 10][:10]
            check("\t".join(row) == unicodedata.normalize("NFC", "\t".join(row)), "not NFC", row)
            check(len(cells) == 10, "columns", cells)
            for number, column in enumerate(row):
                check(column != "", "empty column", row)
                check(column == column.strip(), "space around column", row)
                check(not re.search(r"\s\s" if number in (1, 2, 9) else r"\s", column), "space in column", row)
            _, form, _, upos, _, feats, head, deprel, _, misc = row
            check(upos in (*UPOS, "_"), "UPOS", row)
            names = [] if feats == "_" else [feature.split("=")[0].lower() for feature in feats.split("|")]
            check(names == sorted(names), "order of features", row)
            check((head == "_") == (deprel == "_") and (head == "0") == (deprel == "root"), "root", row)
            check(rest.startswith(form), "form is not in text", row, repr(rest))
            rest = rest[len(form) :]
            if "SpaceAfter=No" not in misc.split("|"):
                check(not rest or rest[0].isspace(), "SpaceAfter=No is missing", row, repr(rest))
                rest = rest.lstrip()
        check(not rest, "more text than words", rest)
        heads = {row[0]: row[6] for row in rows if row[6] != "_"}
        check(len(heads) in (0, len(rows)), "some heads only", rows)
        check(not heads or list(heads.values()).count("0") == 1, "one root", rows)
        reached = {"0"}
        for _ in heads:
            reached |= {word for word, head in heads.items() if head in reached}
        check(reached >= set(heads), "cycle", rows)
    return faults


def render(*docs: Doc, **options: Any) -> str:
    text = "".join(render_conllu(docs, **options))
    assert find_faults(text) == []
    return text


def annotated(words: List[str], **layers: Any) -> Doc:
    return Doc(VOCAB, words=words, **layers)


def words_of(tokens: Any) -> List[Token]:
    return [token for token in tokens if not token.is_space]


def normal(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split()))


def labels_of(token: Token) -> List[str]:
    return [normal(token.text), token.pos_, token.tag_, render_feats(token)]


@pytest.mark.parametrize(
    "old, new, fault",
    [
        ("2\tb", "3\tb", "IDs"),
        ("\tNN\t", "\t\t", "empty column"),
        ("\tNN\t", "\tN N\t", "space in column"),
        ("\ta\t", "\ta \t", "space around column"),
        ("\t_\n2", "\n2", "columns"),
        ("Case=Nom|Number=Sing", "Number=Sing|Case=Nom", "order of features"),
        ("# text = a b", "# text = ab", "SpaceAfter=No is missing"),
        ("# text = a b", "# text = a b c", "more text than words"),
        ("# text = a b", "# text = a b ", "space around text"),
        ("# text = a b", "# text = a c", "form is not in text"),
        ("# sent_id = 1\n", "", "sent_id"),
        ("\tNOUN\t", "\tNAME\t", "UPOS"),
        ("\ta\t", "\te\u0301\t", "not NFC"),
        ("2\tdep", "0\tdep", "root"),
        ("0\troot", "1\tdep", "cycle"),
        ("0\troot", "1\tdep", "one root"),
        ("2\tdep", "_\t_", "some heads only"),
    ],
)
def test_checker_finds_faults(old: str, new: str, fault: str) -> None:
    text = (
        "# sent_id = 1\n# text = a b\n1\ta\t_\tNOUN\tNN\tCase=Nom|Number=Sing\t2\tdep\t_\t_\n"
        "2\tb\t_\tX\t_\t_\t0\troot\t_\t_\n\n"
    )
    assert find_faults(text) == []
    assert text.count(old) == 1
    assert any(found.startswith(fault) for found in find_faults(text.replace(old, new)))


@settings(deadline=None)
@given(st.lists(st.lists(WORDS, max_size=8), max_size=3))
def test_any_docs_are_valid_and_read_back(tmp_path_factory: Any, docs: List[List[Any]]) -> None:
    names = ["words", "spaces", "tags", "pos", "morphs", "sent_starts"]
    docs = [annotated(**dict(zip(names, map(list, zip(*words))))) if words else annotated([]) for words in docs]
    text = render(*docs)
    sentences = [s for doc in docs for s in (doc.sents if doc.has_annotation("SENT_START") else [doc[:]])]
    expected = [[labels_of(token) for token in words_of(sentence)] for sentence in sentences if words_of(sentence)]
    if expected:
        path = tmp_path_factory.getbasetemp() / "docs.conllu"
        path.write_text(text, encoding="utf8", newline="")
        assert [[labels_of(token) for token in doc] for doc in read_docs(path, VOCAB)] == expected


@settings(deadline=None, max_examples=50)
@given(text=st.text(CHARACTERS, max_size=40))
def test_any_tagged_text_is_valid_and_read_by_spacy(trained: Language, text: str) -> None:
    doc = trained(text)
    text = render(doc)
    words = [word for read in conllu_to_docs(text, no_print=True) for word in read] if text else []
    # spaCy takes underscores for words that are not there.
    expected = [token for token in words_of(doc) if normal(token.text) != "_"]
    words = [word for word in words if word.text != "_"]
    assert [labels_of(word)[:3] for word in words] == [labels_of(token)[:3] for token in expected]


def test_text_of_tagged_docs_is_kept(trained: Language, tmp_path: Path) -> None:
    docs = [*trained.pipe([*TEXTS, "Yes! (The dog's apples.)"])]
    path = tmp_path / "docs.conllu"
    path.write_text(render(*docs), encoding="utf8")
    texts = [normal(doc.text) for doc in docs if words_of(doc)]
    assert [doc.text.strip() for doc in read_docs(path, docs[0].vocab)] == texts


@pytest.mark.parametrize(
    "words, spaces, space_after",
    [
        (["a", "b", "c"], [True, False, False], [True, False, True]),
        (["a", "\n", "b"], [False, False, False], [True, True]),
        ([" ", "a", "b"], [False, False, True], [False, True]),
        (["a", " b", "c ", "d", "e"], [False, False, False, False, False], [True, False, True, False, True]),
    ],
)
def test_words_without_a_space_after_are_marked(words: List[str], spaces: List[bool], space_after: List[bool]) -> None:
    ((_, rows),) = read_conllu(render(annotated(words, spaces=spaces)))
    assert [row[9] for row in rows] == ["_" if space else "SpaceAfter=No" for space in space_after]


def test_that_no_space_follows_a_sentence_is_kept() -> None:
    (_, [first]), (_, [second]) = read_conllu(
        render(annotated(["Yes", "No"], spaces=[False, False], sent_starts=[True, True]))
    )
    assert [first[9], second[9]] == ["SpaceAfter=No", "_"]


def test_each_sentence_of_a_doc_is_one(trained: Language) -> None:
    words = [word for sentence in SENTENCES for word in ["\n", *sentence["words"]]]
    starts = [i == 0 for sentence in SENTENCES for i in range(len(sentence["words"]) + 1)]
    sentences = read_conllu(render(trained(Doc(trained.vocab, words=words, sent_starts=starts))))
    assert [[row[1] for row in rows] for _, rows in sentences] == [sentence["words"] for sentence in SENTENCES]
    assert [comments for comments, _ in sentences] == [
        [f"# sent_id = {i}", f"# text = {' '.join(sentence['words'])}"] for i, sentence in enumerate(SENTENCES, 1)
    ]


def test_sentences_of_whitespace_are_left_out() -> None:
    doc = annotated(["a", "\n", "b"], sent_starts=[True, True, True])
    assert [[row[1] for row in rows] for _, rows in read_conllu(render(doc))] == [["a"], ["b"]]


def test_whitespace_in_words_is_one_space() -> None:
    ((comments, [row]),) = read_conllu(render(annotated(["\tNew\n  York "])))
    assert row[1] == "New York" and comments[1] == "# text = New York"


def test_features_are_sorted_without_regard_to_case() -> None:
    doc = annotated(["a"], morphs=["PronType=Prs|Number=Sing|NumType=Card|Abbr=Yes"])
    assert read_conllu(render(doc))[0][1][0][5] == "Abbr=Yes|Number=Sing|NumType=Card|PronType=Prs"


def test_lemmas_are_written() -> None:
    doc = annotated(["dogs", "run"], lemmas=["dog", ""])
    assert [row[2] for row in read_conllu(render(doc))[0][1]] == ["dog", "_"]


def test_parse_is_written_past_whitespace() -> None:
    doc = Doc(
        VOCAB,
        words=["The", "\n", "dog", "ran", "\n", "Yes"],
        heads=[1, 2, 3, 3, 3, 5],
        deps=["det", "dep", "nsubj", "ROOT", "", "ROOT"],
        sent_starts=[True, False, False, False, False, True],
    )
    (_, rows), (_, others) = read_conllu(render(doc))
    assert [row[6:8] for row in rows] == [["2", "det"], ["3", "nsubj"], ["0", "root"]]
    assert [row[6:8] for row in others] == [["0", "root"]]


def test_misc_holds_what_it_is_given() -> None:
    text = render(annotated(["a", "b"], spaces=[False, False]), misc=lambda token: [f"Place={token.i}", "x"])
    assert [row[9] for row in read_conllu(text)[0][1]] == ["SpaceAfter=No|Place=0|x", "Place=1|x"]
