import json
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import pyarrow
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow.parquet import write_table
from spacy.errors import Errors
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.training.converters import conllu_to_docs
from spacy.vocab import Vocab

from spacy_lstm_tagger.formats.raw_text import is_raw_text
from spacy_lstm_tagger.formats.treebank import FORMATS, create_treebank_v1, detect_format, find_part, read_docs

NLP = spacy.blank("en")

WORDS = [["The", "dog", "ate", "1/2"], ["Yes", "!"], ["naïve"]]
TAGS = [["DT", "NN", "VBD", "CD"], ["UH", "."], ["JJ"]]


def row(identifier: str, form: str, upos: str = "_", xpos: str = "_", feats: str = "_", misc: str = "_") -> str:
    return "\t".join([identifier, form, "_", upos, xpos, feats, "_", "_", "_", misc])


def lines(*rows: str) -> bytes:
    return "".join(line + "\n" for line in rows).encode()


def doc_bin(docs: List[Doc]) -> bytes:
    return DocBin(attrs=["ORTH", "TAG", "POS", "MORPH", "SENT_START", "SPACY"], docs=docs).to_bytes()


def parquet(columns: Dict[str, Any]) -> bytes:
    sink = pyarrow.BufferOutputStream()
    write_table(pyarrow.table(columns), sink)
    return bytes(sink.getvalue())


def make_docs() -> List[Doc]:
    return [
        Doc(NLP.vocab, words=words, tags=tags, sent_starts=[True] + [False] * (len(words) - 1))
        for words, tags in zip(WORDS, TAGS)
    ]


SENTENCES = list(zip(WORDS, TAGS))
CONLLU_ROWS = [
    [row(str(i), word, xpos=tag) for i, (word, tag) in enumerate(zip(words, tags), 1)] for words, tags in SENTENCES
]


# The same sentences in every form: name, content, and the form's own name.
def task(words: List[str], labels: List[str]) -> Dict[str, Any]:
    """A task of Prodigy."""
    starts = [len(" ".join(words[:i])) + (i > 0) for i in range(len(words))]
    tokens = [{"start": start, "end": start + len(word)} for word, start in zip(words, starts)]
    return {
        "text": " ".join(words),
        "tokens": tokens,
        "spans": [{**token, "label": label} for token, label in zip(tokens, labels)],
        "answer": "accept",
    }


def label_studio_task(words: List[str], labels: List[str]) -> Dict[str, Any]:
    spans = [
        {"start": span["start"], "end": span["end"], "labels": [span["label"]]} for span in task(words, labels)["spans"]
    ]
    result = [{"type": "labels", "value": value} for value in spans]
    return {"data": {"text": " ".join(words)}, "annotations": [{"result": result, "was_cancelled": False}]}


FORMS: Dict[str, Any] = {
    "conllu": ("conllu", lines(*(line for rows in CONLLU_ROWS for line in ["# text = ?", *rows, ""]))),
    "spacy": ("spacy", doc_bin(make_docs())),
    "parquet": ("parquet", parquet({"words": WORDS, "tag": TAGS})),
    "text": ("text", lines(*(" ".join(map("/".join, zip(*pair))) for pair in SENTENCES))),
    "tsv": ("tsv", lines(*(line for pair in SENTENCES for line in [*map("\t".join, zip(*pair)), ""]))),
    "json": ("json", json.dumps(SENTENCES).encode()),
    "json_indented": ("json", json.dumps(SENTENCES, indent=1, ensure_ascii=False).encode()),
    "json_of_strings": ("json", json.dumps([[" ".join(words), tags] for words, tags in SENTENCES]).encode()),
    "jsonl": ("jsonl", lines(*map(json.dumps, SENTENCES))),
    "jsonl_of_strings": ("jsonl", lines(*(json.dumps([" ".join(words), tags]) for words, tags in SENTENCES))),
    "prodigy": ("prodigy", lines(*(json.dumps(task(*sentence)) for sentence in SENTENCES))),
    "label-studio": ("label-studio", json.dumps([label_studio_task(*sentence) for sentence in SENTENCES]).encode()),
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_file(content: Any, name: str = "treebank") -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


def read(path: Path, format: Optional[str] = None) -> List[Any]:
    """Each sentence's words and tags."""
    return [([t.text for t in doc], [t.tag_ for t in doc]) for doc in read_docs(path, NLP.vocab, format)]


@pytest.mark.parametrize("name", ["treebank", "treebank.conllu", "treebank.spacy", "treebank.json"])
@pytest.mark.parametrize("form", FORMS)
def test_form_is_told_by_content(form: str, name: str, write: Any) -> None:
    expected, content = FORMS[form]
    path = write(content, name)
    assert detect_format(content, path) == expected
    assert read(path) == SENTENCES


@pytest.mark.parametrize("form", FORMS)
def test_form_can_be_named(form: str, write: Any) -> None:
    format, content = FORMS[form]
    assert read(write(content), format) == SENTENCES


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("spacy", "parquet")])
@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.rstrip(b"\n"),
        lambda data: b"\n\n" + data + b"\n \n",
    ],
    ids=["bom", "crlf", "no_final_newline", "blank_lines_around"],
)
def test_text_may_differ_in_details(form: str, change: Callable[[bytes], bytes], write: Any) -> None:
    assert read(write(change(FORMS[form][1]))) == SENTENCES


@pytest.mark.parametrize("form", FORMS)
def test_docs_are_sentences(form: str, write: Any) -> None:
    for doc in read_docs(write(FORMS[form][1]), NLP.vocab):
        assert doc.has_annotation("SENT_START", require_complete=True)
        assert len(list(doc.sents)) == 1


@pytest.mark.parametrize(
    "pair", [[["The", "dog"], ["DT", "NN"]], ["The dog", ["DT", "NN"]], ["The \n dog ", ["DT", "NN"]]]
)
@pytest.mark.parametrize("indent", [None, 2])
def test_json_may_be_one_pair(pair: Any, indent: Optional[int], write: Any) -> None:
    assert read(write(json.dumps(pair, indent=indent))) == [(["The", "dog"], ["DT", "NN"])]


def test_json_words_may_hold_spaces_and_tags_be_unknown(write: Any) -> None:
    pair = (["New York", "and/or"], ["NNP", ""])
    assert read(write(json.dumps([pair]))) == [pair]


@pytest.mark.parametrize("word", ["New York", "and/or", "1", "12", "#", "#tag", '"', "<b>", "a  b"])
@pytest.mark.parametrize("to_line", ["{}\tX".format, row("1", "{}", xpos="X").format], ids=["tsv", "conllu"])
def test_word_of_any_kind_can_be_the_first(word: str, to_line: Callable[[str], str], write: Any) -> None:
    assert read(write(lines(to_line(word)))) == [([word], ["X"])]


def test_word_tag_is_split_at_the_last_slash(write: Any) -> None:
    assert read(write("1/2/CD and/or/CC //SYM\n")) == [(["1/2", "and/or", "/"], ["CD", "CC", "SYM"])]


def test_tsv_word_without_tag_is_not_annotated(write: Any) -> None:
    assert read(write("dog\tNN\ncat\t\n")) == [(["dog", "cat"], ["NN", ""])]


CONLLU = "\n".join(
    [
        "# newdoc",
        "# sent_id = 1",
        "# text = Don't give it to John's.",
        row("1-2", "Don't"),
        row("1", "Do", "AUX", "VB", "Mood=Imp|VerbForm=Fin"),
        row("2", "n't", "PART", "RB", misc="Gloss=not"),
        row("3", "give", "VERB", "VB"),
        row("3.1", "back", "ADV", "RB"),
        row("4", "it", "PRON", "PRP", "Case=Acc,Nom|Number[psor]=Sing"),
        row("5", "to", "ADP", "IN"),
        row("6-7", "John's", misc="Gloss=x|SpaceAfter=No"),
        row("6", "John", "PROPN", "NNP"),
        row("7", "'s", "PART", "POS", misc="SpaceAfter=No"),
        row("8", ".", "PUNCT", ".", misc="SpaceAfter=No"),
        "",
        "# text = 10 000 (a)/b",
        row("1", "10 000", "NUM", "CD", "NumType=Card"),
        row("2", "(", "PUNCT", "-LRB-", misc="SpaceAfter=No"),
        row("3", "a", "X", "FW", misc="SpaceAfter=No"),
        row("4", ")/b", "SYM", "SYM"),
        "",
        row("1-3", "dámelo", misc="SpaceAfter=No"),
        row("1", "da", "VERB", "V"),
        row("2", "me", "PRON", "P"),
        row("3", "lo", "PRON", "P"),
        row("4", "ya", "ADV", "R"),
        "",
    ]
)


@pytest.mark.parametrize(
    "content",
    [
        CONLLU + "\n",
        CONLLU.replace("\n", "\r\n") + "\r\n",
        "\ufeff" + CONLLU,
        CONLLU.rstrip("\n"),
        CONLLU.replace("\n\n", "\n\n\n"),
    ],
    ids=["plain", "crlf", "bom", "no_final_newline", "more_empty_lines"],
)
def test_conllu_equals_spacys_converter(content: str, write: Any) -> None:
    docs = list(read_docs(write(content), NLP.vocab))
    oracle = list(conllu_to_docs(CONLLU, n_sents=1, no_print=True))
    assert len(docs) == len(oracle) == 3

    def to_rows(doc: Doc) -> List[Any]:
        return [(t.text, bool(t.whitespace_), t.tag_, t.pos_, str(t.morph)) for t in doc]

    assert [to_rows(doc) for doc in docs] == [to_rows(doc) for doc in oracle]


def test_conllu_texts_are_those_of_the_treebank(write: Any) -> None:
    # spaCy's converter puts no space between the words of "Don't", and neither do we.
    texts = [doc.text.strip() for doc in read_docs(write(CONLLU), NLP.vocab)]
    assert texts == ["Don't give it to John's.", "10 000 (a)/b", "dameloya"]


def test_conllu_underscore_is_no_annotation(write: Any) -> None:
    # spaCy's converter would give UPOS for the tag.
    (doc,) = read_docs(write(lines(row("1", "dog", "NOUN"), row("2", "ran", xpos="VBD"))), NLP.vocab)
    assert [(t.pos_, t.tag_) for t in doc] == [("NOUN", ""), ("", "VBD")]


def test_conllu_word_may_be_an_underscore(write: Any) -> None:
    assert read(write(lines(row("1", "_", "SYM", "SYM")))) == [(["_"], ["SYM"])]


NOT_EMPTY = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=6)


@settings(deadline=None)
@given(
    pairs=st.lists(
        st.tuples(NOT_EMPTY.filter(lambda word: "/" not in word), st.sampled_from(["NN", ".", "''"])), min_size=1
    )
)
@pytest.mark.parametrize("form", ["conllu", "text", "tsv", "json", "jsonl"])
def test_any_words_are_read_as_they_are(form: str, pairs: List[Any], tmp_path_factory: Any) -> None:
    words, tags = map(list, zip(*pairs))
    contents = {
        "conllu": lines(*(row(str(i), word, xpos=tag) for i, (word, tag) in enumerate(pairs, 1))),
        "text": lines(" ".join(map("/".join, pairs))),
        "tsv": lines(*map("\t".join, pairs)),
        "json": json.dumps([[words, tags]]).encode(),
        "jsonl": json.dumps([words, tags], ensure_ascii=False).encode(),
    }
    path = tmp_path_factory.getbasetemp() / f"any.{form}"
    path.write_bytes(contents[form])
    assert read(path, form) == [(words, tags)]


GOOD_ROW = row("1", "The", "DET", "DT")


@pytest.mark.parametrize(
    "content, format, message",
    [
        # None of the forms.
        ("The dog ate the apple.\n", None, r"(?s)in none of the formats.*'The dog ate.*She/PRP.*--format"),
        ("The/DT dog ate/VBD\n", None, "in none of the formats"),
        ("a\tb\tc\n", None, "in none of the formats"),
        ('{"words": ["The"]}', None, "in none of the formats"),
        # Nothing in it.
        ("", None, "is empty: it holds no annotated sentence"),
        (" \n\n\t\n", None, "is empty: it holds no annotated sentence"),
        *(("", format, r"treebank holds no annotated sentence") for format in ("conllu", "tsv", "text", "jsonl")),
        ("# a comment\n\n", "conllu", "holds no annotated sentence"),
        ("[]", None, "holds no annotated sentence"),
        (doc_bin([]), None, "holds no annotated sentence"),
        # Not text.
        ("naïve/JJ\n".encode("latin-1"), None, r"is not UTF-8: byte 2 is 0xef\. Convert"),
        ("dog/NN\n".encode("utf-16"), None, "is not UTF-8: byte 0 is 0xff"),
        (b"\x93dog/NN", "text", "is not UTF-8: byte 0 is 0x93"),
        # Damaged .spacy.
        (FORMS["spacy"][1][:-20], None, r"treebank is not a whole \.spacy file"),
        (FORMS["spacy"][1][:2], None, r"treebank is not a whole \.spacy file"),
        (FORMS["spacy"][1][:40] + b"!!!" + FORMS["spacy"][1][43:], None, r"not a whole \.spacy file"),
        ("dog/NN", "spacy", r"not a whole \.spacy file"),
        # CoNLL-U.
        (f"# text = The\n{GOOD_ROW}\n2\tdog\tdog\n", None, r"line 3: CoNLL-U has 10 columns .*not 3: '2.tdog"),
        (GOOD_ROW + "\t_\n", None, "line 1: CoNLL-U has 10 columns .*not 11"),
        (GOOD_ROW.replace("\t", "  "), "conllu", "line 1: CoNLL-U has 10 columns .*not 1:"),
        (GOOD_ROW.replace("DET", "Determiner"), None, r"line 1: 'Determiner' is not a UPOS tag\. Use: ADJ, ADP"),
        (GOOD_ROW.replace("DET", "SPACE"), None, "line 1: 'SPACE' is not a UPOS tag"),
        (GOOD_ROW.replace("DET", ""), None, "line 1: '' is not a UPOS tag"),
        *(
            (lines(GOOD_ROW, row("2", "dog", feats=feats)), None, "line 2: FEATS must look like .*not ")
            for feats in ("Sing", "Number=", "=Sing", "Number=Sing|", "|Number=Sing", "A=b c", "", "A=b|_", "A=b=c")
        ),
        (lines(GOOD_ROW, row("3", "dog")), None, "line 2: the next word's ID must be 2, not '3'"),
        (lines(GOOD_ROW, row("1", "dog")), None, "line 2: the next word's ID must be 2, not '1'"),
        (lines(GOOD_ROW, row("", "dog")), None, "line 2: the next word's ID must be 2, not ''"),
        (lines(GOOD_ROW, "", row("2", "dog")), None, "line 3: the next word's ID must be 1, not '2'"),
        (lines(GOOD_ROW, row("2", "")), None, "line 2: the word is empty"),
        # TSV.
        ("The\tDT\ndog\tNN\tx\n", None, r"treebank, line 2: a word and its tag, 2 columns .*not 3: 'dog.tNN.tx'"),
        ("The\tDT\n\ndog\n", None, "line 3: .*2 columns .*not 1: 'dog'"),
        ("The\tDT\tx\n", "tsv", "line 1: .*2 columns .*not 3"),
        ("The\tDT\n\tNN\n", None, r"line 2: a word and its tag.*tNN"),
        # word/TAG.
        ("The/DT\ndog/NN ate\n", None, r"treebank, line 2: 'ate' is not of the form word/TAG"),
        ("The dog\n", "text", r"treebank, line 1: 'The' is not of the form word/TAG"),
        ("The/DT dog/\n", "text", "line 1: 'dog' is not of the form word/TAG"),
        ("The/DT /NN\n", "text", "line 1: 'NN' is not of the form word/TAG"),
        # JSON.
        ('[[["The"], ["DT"]],', None, r"treebank is not valid JSON: .*"),
        ('{"words": []}', "json", r"treebank must hold a list of pairs of words and tags, not \{'words'"),
        ('"dog"', "json", "must hold a list of pairs"),
        ('["The dog"]', None, r"treebank, sentence 1: a pair such as .* was expected, not 'The dog'"),
        ('[[["The"], ["DT"]], [["dog"]]]', None, "sentence 2: a pair such as"),
        ('[[["The"], ["DT"]], [["dog"], "NN"]]', None, "sentence 2: a pair such as"),
        ('[[["The"], ["DT"]], [["dog"], [1]]]', None, "sentence 2: a pair such as"),
        ('[[["The"], ["DT"]], [["The", "dog"], ["DT"]]]', None, "sentence 2: 2 words but 1 tags: 'The dog'"),
        ('["The dog ate", ["DT", "NN"]]', None, "line 1: 3 words but 2 tags: 'The dog ate'"),
        ('[[["The"], ["DT"]], [[" "], ["NN"]]]', None, "sentence 2: .*none of them may be empty"),
        ("[[[], []]]", None, "sentence 1: a sentence needs words"),
        # JSONL.
        ('[["The"], ["DT"]]\n\n[["dog"], ["NN"]\n', None, "treebank, line 3: not valid JSON: "),
        ('[["The"], ["DT"]]\n{"words": ["dog"]}\n', None, "treebank, line 2: a pair such as .*expected, not {'words'"),
        ('[["The"], ["DT"]]\n[["a", "dog"], ["NN"]]\n', None, "treebank, line 2: 2 words but 1 tags: 'a dog'"),
    ],
)  # fmt: skip
def test_error_names_file_and_place(content: Any, format: Optional[str], message: str, write: Any) -> None:
    path = write(content)
    with pytest.raises(ValueError, match=message) as error:
        list(read_docs(path, NLP.vocab, format))
    assert str(path) in str(error.value)


def test_error_of_an_unknown_format_names_the_formats(write: Any) -> None:
    with pytest.raises(
        ValueError, match=r"Unknown format 'conll'\. Use one of: conllu, spacy, parquet, text, tsv, json, jsonl"
    ):
        list(read_docs(write(FORMS["conllu"][1]), NLP.vocab, "conll"))


def test_formats_are_those_tested() -> None:
    assert {format for format, _ in FORMS.values()} == set(FORMATS)


def test_missing_file_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no-such-file"):
        list(read_docs(tmp_path / "no-such-file", NLP.vocab))


def test_directory_is_read_file_by_file_in_order(write: Any, tmp_path: Path) -> None:
    write("b/B\n", "part/b.txt")
    write("a\tA\n", "part/a.tsv")
    write('[["c"], ["C"]]', "part/c.json")
    write("This is no treebank.", "part/README.md")
    write("This is no treebank.", "LICENSE.txt")
    assert read(tmp_path) == [(["a"], ["A"]), (["b"], ["B"]), (["c"], ["C"])]


def test_text_beside_conllu_is_not_read(write: Any, tmp_path: Path) -> None:
    write(lines(row("1", "c", xpos="C")), "c.conllu")
    write(parquet({"words": [["d"]], "tag": [["D"]]}), "d.parquet")
    write("How this was made.", "notes.txt")
    assert read(tmp_path) == [(["c"], ["C"]), (["d"], ["D"])]


@pytest.mark.parametrize("part, name", [("train", "x-ud-train.conllu"), ("dev", "x-ud-dev.conllu"), ("test", None)])
def test_parts_of_a_treebank_are_found(part: str, name: str, tmp_path: Path) -> None:
    for other in ("x-ud-train.conllu", "x-ud-dev.conllu", "x-ud-test.txt"):
        (tmp_path / other).touch()
    assert find_part(tmp_path, part) == (tmp_path / name if name else tmp_path)
    assert find_part(tmp_path / "x-ud-dev.conllu", part) == tmp_path / "x-ud-dev.conllu"


def test_several_files_of_a_part_are_named(tmp_path: Path) -> None:
    for name in ("a-ud-train.conllu", "b-ud-train.conllu"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"several train files: a-ud-train\.conllu, b-ud-train\.conllu"):
        find_part(tmp_path, "train")


@pytest.mark.parametrize("names", [[], ["README.md"]])
def test_directory_without_treebanks_raises(names: List[str], write: Any, tmp_path: Path) -> None:
    for name in names:
        write("a/A", name)
    with pytest.raises(ValueError, match="holds no annotated sentence") as error:
        list(read_docs(tmp_path, NLP.vocab))
    assert str(tmp_path) in str(error.value)


def test_error_in_a_directory_names_the_file(write: Any, tmp_path: Path) -> None:
    write("a/A\n", "a.txt")
    write("a b", "b.txt")
    with pytest.raises(ValueError, match=r"b\.txt is in none of the formats"):
        list(read_docs(tmp_path, NLP.vocab))


# The reader of training examples


def make_reader(write: Any, **options: Any) -> Callable[[Language], Iterator[Example]]:
    return create_treebank_v1(write(CONLLU), **{"multiword": "split", **options})


def words_of(docs: Any) -> List[List[str]]:
    return [[token.text for token in doc] for doc in docs]


def test_reader_without_path_raises() -> None:
    with pytest.raises(ValueError) as error:
        create_treebank_v1(None)
    assert str(error.value) == Errors.E913


def test_reader_is_registered() -> None:
    assert spacy.registry.get("readers", "spacy-lstm-tagger.Treebank.v1") is create_treebank_v1


def test_reader_keeps_gold_tokens_with_gold_preproc(write: Any) -> None:
    gold = words_of(read_docs(write(CONLLU), NLP.vocab))
    examples = list(make_reader(write, gold_preproc=True)(NLP))
    assert words_of(eg.reference for eg in examples) == gold
    assert words_of(eg.predicted for eg in examples) == gold


def test_reader_runs_the_tokenizer_without_gold_preproc(write: Any) -> None:
    docs = list(read_docs(write(CONLLU), NLP.vocab))
    examples = list(make_reader(write)(NLP))
    assert words_of(eg.reference for eg in examples) == words_of(docs)
    assert words_of(eg.predicted for eg in examples) == words_of(NLP.make_doc(doc.text) for doc in docs)
    assert words_of(eg.predicted for eg in examples) != words_of(docs)


@pytest.mark.parametrize("form", ["text", "tsv", "json", "jsonl"])
def test_reader_keeps_gold_tokens_where_spaces_are_unknown(form: str, write: Any) -> None:
    examples = list(create_treebank_v1(write(FORMS[form][1]))(NLP))
    assert words_of(eg.predicted for eg in examples) == words_of(eg.reference for eg in examples) == WORDS


@pytest.mark.parametrize("gold_preproc", [True, False])
def test_reader_gives_examples_with_gold_annotation_in_the_reference_alone(gold_preproc: bool, write: Any) -> None:
    docs = list(read_docs(write(CONLLU), NLP.vocab))
    for eg, doc in zip(make_reader(write, gold_preproc=gold_preproc)(NLP), docs, strict=True):
        for layer in ("tag_", "pos_", "morph"):
            assert [str(getattr(t, layer)) for t in eg.reference] == [str(getattr(t, layer)) for t in doc]
            assert not any(str(getattr(t, layer)) for t in eg.predicted)


@pytest.mark.parametrize("limit, expected", [(0, 3), (1, 1), (2, 2), (9, 3)])
def test_reader_stops_at_the_limit(limit: int, expected: int, write: Any) -> None:
    everything = words_of(eg.reference for eg in make_reader(write)(NLP))
    assert words_of(eg.reference for eg in make_reader(write, limit=limit)(NLP)) == everything[:expected]


def test_reader_splits_long_docs_into_sentences(write: Any) -> None:
    doc = Doc.from_docs(make_docs())
    reader = create_treebank_v1(write(doc_bin([doc])), max_length=5)
    assert words_of(eg.reference for eg in reader(NLP)) == WORDS


@pytest.mark.parametrize("gold_preproc", [True, False])
def test_reader_applies_the_augmenter(gold_preproc: bool, write: Any) -> None:
    def augment(nlp: Language, eg: Example) -> Iterator[Example]:
        yield eg
        yield Example(nlp.make_doc("augmented"), nlp.make_doc("augmented"))

    plain = words_of(eg.reference for eg in make_reader(write, gold_preproc=gold_preproc)(NLP))
    examples = make_reader(write, gold_preproc=gold_preproc, augmenter=augment)(NLP)
    expected = [words for sentence in plain for words in (sentence, ["augmented"])]
    assert words_of(eg.reference for eg in examples) == expected


def test_reader_can_be_read_again(write: Any) -> None:
    reader = make_reader(write)
    assert words_of(eg.reference for eg in reader(NLP)) == words_of(eg.reference for eg in reader(NLP))


def test_reader_passes_the_format_on(write: Any) -> None:
    with pytest.raises(ValueError, match="is not of the form word/TAG"):
        list(make_reader(write, format="text")(NLP))


@pytest.mark.parametrize(
    "text, form",
    [
        ("[\t-LRB-\na\tX\n", "tsv"),
        ("[/-LRB- a/X\n", "text"),
        ("[1]/-LRB- a/X\n", "text"),
        ("#/SYM a/X\n", "text"),
        ("a\u2028b\tX\nc\tY\n", "tsv"),
        ('[["a\u2028b"], ["X"]]\n', "jsonl"),
        ("1\ta\u2028b\t_\tX\t_\t_\t_\t_\t_\t_\n", "conllu"),
    ],
)
def test_words_that_look_like_marks_of_another_form(tmp_path: Path, text: str, form: str) -> None:
    path = tmp_path / "data"
    path.write_bytes(text.encode())
    assert detect_format(path.read_bytes(), path) == form
    assert len(list(read_docs(path, Vocab()))) >= 1


def test_deeply_nested_json_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"data\.json is not valid JSON"):
        list(read_docs(path, Vocab()))


def conllu_sentence(word: str, comments: str = "") -> str:
    rows = [f"{i}\t{form}\t{form.lower()}\tX\t_\t_\t_\t_\t_\t_\n" for i, form in enumerate([word, "end", "."], 1)]
    return comments + "".join(rows) + "\n"


PARAGRAPHS = (
    conllu_sentence("A", "# newdoc id = 1\n# sent_id = 1\n")
    + conllu_sentence("B")
    + conllu_sentence("C", "# newpar\n")
    + conllu_sentence("D", "# newparagraph = no\n")
    + conllu_sentence("E")
)


@pytest.mark.parametrize(
    "documents, expected",
    [(0, []), (5, []), (6, ["AB", "CD"]), (8, ["AB", "CD"]), (9, ["AB", "CDE"]), (100, ["AB", "CDE"])],
)
@pytest.mark.parametrize("gold_preproc", [True, False])
def test_reader_joins_sentences_up_to_the_next_paragraph(
    documents: int, expected: List[str], gold_preproc: bool, write: Any
) -> None:
    path = write(PARAGRAPHS)
    read = create_treebank_v1(path, documents=documents, gold_preproc=gold_preproc)
    references = [eg.reference for eg in read(spacy.blank("en"))]
    initials = ["".join(token.text for token in doc if token.text.isupper()) for doc in references]
    assert [joined for joined in initials if len(joined) > 1] == expected
    assert [joined for joined in initials if len(joined) == 1] == list("ABCDE")
    for doc, joined in zip(references, initials):
        assert len(list(doc.sents)) == len(joined)
        assert [token.lemma_ for token in doc] == [token.lower_ for token in doc]


def test_sentences_that_are_documents_of_their_own_are_joined(write: Any) -> None:
    path = write("".join(conllu_sentence(word, "# newdoc\n# newpar\n") for word in "ABC"))
    references = [eg.reference for eg in create_treebank_v1(path, documents=100, gold_preproc=True)(spacy.blank("en"))]
    initials = ["".join(token.text for token in doc if token.text.isupper()) for doc in references]
    assert initials == ["A", "B", "C", "ABC"]


def test_examples_of_documents_have_no_boundaries_and_raw_text_is_by_document(write: Any) -> None:
    read = create_treebank_v1(write(PARAGRAPHS), documents=100, gold_preproc=True, raw_text=True)
    examples = list(read(spacy.blank("en")))
    assert not any(eg.predicted.has_annotation("SENT_START") for eg in examples)
    assert all(is_raw_text(eg) or len(list(eg.reference.sents)) == 1 for eg in examples)
    assert [eg.reference.text for eg in examples if is_raw_text(eg)] == ["A end . B end . ", "C end . D end . E end . "]


def test_documents_keep_multiword_tokens(write: Any) -> None:
    rows = "1-2\tdu\t_\t_\t_\t_\t_\t_\t_\t_\n1\tde\tde\tADP\t_\t_\t_\t_\t_\t_\n2\tle\tle\tDET\t_\t_\t_\t_\t_\t_\n\n"
    read = create_treebank_v1(write(rows * 2), documents=100, gold_preproc=True)
    texts = [[(token.text, token.lemma_) for token in eg.reference] for eg in read(spacy.blank("fr"))]
    assert texts[-1] == [("du", "de le")] * 2
