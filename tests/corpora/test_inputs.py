"""Every format of the input, plain and compressed, gives the labels of `nlp.pipe`, in order."""

import bz2
import csv
import gzip
import json

import pyarrow
import pyarrow.parquet
import pytest
import spacy
from spacy.tokens import Doc, DocBin

from ..conftest import TEXTS

pytestmark = pytest.mark.usefixtures("small_units")
LINES = [text.replace("\n", " ").strip() for text in TEXTS] * 4


def tags(nlp, texts):
    return [
        None if doc is None else [(t.text, t.tag_, t.pos_) for t in doc]
        for doc in [None if text is None else nlp(text) for text in texts]
    ]


def read_tags(path):
    rows = pyarrow.parquet.read_table(path).to_pylist()
    return [
        None
        if row["tokens"] is None
        else [(token["text"], *labels) for token, *labels in zip(row["tokens"], row["tag"], row["pos"])]
        for row in rows
    ]


def compress(content, suffix):
    if suffix == ".zst":
        return pytest.importorskip("zstandard").compress(content)
    # Two members after each other are one file, as `cat` makes it.
    middle = len(content) // 2
    return {
        "": lambda: content,
        ".gz": lambda: gzip.compress(content[:middle]) + gzip.compress(content[middle:]),
        ".bz2": lambda: bz2.compress(content),
    }[suffix]()


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".zst"])
def test_text(annotate_here, trained, tmp_path, suffix):
    path = tmp_path / f"a.txt{suffix}"
    path.write_bytes(compress("\r\n".join(LINES).encode(), suffix))
    before = path.read_bytes(), path.stat().st_mtime_ns
    summary = annotate_here(path, tmp_path / "out")
    assert read_tags(tmp_path / "out" / "a.parquet") == tags(trained, LINES)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    table = pyarrow.parquet.read_table(tmp_path / "out" / "a.parquet")
    assert table["line"].to_pylist() == list(range(1, len(LINES) + 1))
    assert summary.counts.rows == len(LINES) and summary.counts.errors == 0
    assert summary.counts.tokens == sum(map(len, tags(trained, LINES)))


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_json_lines(annotate_here, trained, tmp_path, suffix):
    texts = [*TEXTS, None, "a\0b", "caf\u00e9 \u2028 x"] * 3
    lines = [json.dumps({"id": i, "body": text, "tags": [i, "x"]}) for i, text in enumerate(texts)]
    (tmp_path / f"a.jsonl{suffix}").write_bytes(compress("\n\n".join(lines).encode(), suffix))
    annotate_here(tmp_path / f"a.jsonl{suffix}", tmp_path / "out", text="body")
    table = pyarrow.parquet.read_table(tmp_path / "out" / "a.parquet")
    assert read_tags(tmp_path / "out" / "a.parquet") == tags(trained, texts)
    assert table["id"].to_pylist() == list(range(len(texts))) and table["body"].to_pylist() == texts
    assert table["tags"].to_pylist()[:2] == ['[0, "x"]', '[1, "x"]']


@pytest.mark.parametrize("delimiter, suffix", [(",", "csv"), ("\t", "tsv.gz")])
def test_csv(annotate_here, trained, tmp_path, delimiter, suffix):
    plain = tmp_path / "plain"
    with plain.open("w", newline="", encoding="utf8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([("id", "text"), *((f"d{i}", text) for i, text in enumerate(TEXTS))])
    (tmp_path / f"a.{suffix}").write_bytes(compress(plain.read_bytes(), ".gz" if suffix.endswith("gz") else ""))
    annotate_here(tmp_path / f"a.{suffix}", tmp_path / "out")
    table = pyarrow.parquet.read_table(tmp_path / "out" / "a.parquet")
    assert table["text"].to_pylist() == TEXTS and table["id"].to_pylist() == [f"d{i}" for i in range(len(TEXTS))]
    assert read_tags(tmp_path / "out" / "a.parquet") == tags(trained, TEXTS)


@pytest.mark.parametrize("type", [pyarrow.string(), pyarrow.large_string()], ids=str)
def test_parquet(annotate_here, trained, tmp_path, type):
    texts = [*TEXTS, None] * 3
    schema = pyarrow.schema([("day", pyarrow.date32()), ("body", type)], {"made by": "a test"})
    table = pyarrow.table({"day": range(len(texts)), "body": texts}, schema=schema)
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet", row_group_size=5)
    annotate_here(tmp_path / "a.parquet", tmp_path / "out", text="body")
    annotated = pyarrow.parquet.read_table(tmp_path / "out" / "a.parquet")
    assert annotated.select(["day", "body"]).equals(table)
    assert read_tags(tmp_path / "out" / "a.parquet") == tags(trained, texts)


def test_conllu_keeps_its_words(annotate_here, trained, tmp_path):
    words = ["The dog", "ate", "Yes!"]
    block = "# sent_id = s{}\n" + "".join(f"{i}\t{word}" + "\t_" * 8 + "\n" for i, word in enumerate(words, 1))
    (tmp_path / "a.conllu").write_text("\n".join(block.format(n) for n in range(6)))
    annotate_here(tmp_path / "a.conllu", tmp_path / "out")
    doc = trained(Doc(trained.vocab, words=words, sent_starts=[True, False, False]))
    assert read_tags(tmp_path / "out" / "a.parquet") == [[(t.text, t.tag_, t.pos_) for t in doc]] * 6
    table = pyarrow.parquet.read_table(tmp_path / "out" / "a.parquet")
    assert table["sent_id"].to_pylist() == [f"s{n}" for n in range(6)]
    assert set(table["text"].to_pylist()) == {doc.text}


def test_docs_keep_their_words(annotate_here, trained, tmp_path):
    nlp = spacy.blank("en")
    docs = [Doc(nlp.vocab, words=[f"dog {i}", "ate", "Yes"] * (i % 4)) for i in range(30)]
    DocBin(docs=docs).to_disk(tmp_path / "a.spacy")
    annotate_here(tmp_path / "a.spacy", tmp_path / "out")
    expected = [
        [(t.text, t.tag_, t.pos_) for t in trained(Doc(trained.vocab, words=[t.text for t in doc]))] for doc in docs
    ]
    assert read_tags(tmp_path / "out" / "a.parquet") == expected
    table = pyarrow.parquet.read_table(tmp_path / "out" / "a.parquet")
    assert table["text"].to_pylist() == [doc.text for doc in docs]


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl.gz", "a.csv", "a.conllu", "a.parquet", "a.spacy"])
@pytest.mark.parametrize("format", ["parquet", "jsonl", "conllu", "spacy"])
def test_empty_input_has_an_empty_output(annotate_here, tmp_path, name, format):
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"") if name.endswith(".gz") else b"")
    if name == "a.parquet":
        pyarrow.parquet.write_table(pyarrow.table({"text": pyarrow.array([], pyarrow.string())}), path)
    elif name == "a.spacy":
        DocBin().to_disk(path)
    elif name == "a.csv":
        path.write_text("text\n")
    summary = annotate_here(path, tmp_path / "out", format=format)
    assert summary.counts == (0, 0, 0, 0) and summary.n_files == 1
    output = tmp_path / "out" / f"a.{format}"
    if format == "parquet":
        assert {"text", "tokens", "tag"} <= set(pyarrow.parquet.read_table(output).column_names)
    elif format == "spacy":
        assert len(DocBin().from_disk(output)) == 0
    else:
        assert output.read_bytes() == b""


def test_addresses_of_other_file_systems(annotate_here, trained):
    from fsspec.implementations.memory import MemoryFileSystem

    fs = MemoryFileSystem()
    fs.pipe_file("/inputs-of-a-test/news/a.txt", "\n".join(LINES).encode())
    annotate_here("memory://inputs-of-a-test", "memory://outputs-of-a-test")
    with fs.open("/outputs-of-a-test/news/a.parquet") as file:
        assert read_tags(file) == tags(trained, LINES)


def test_long_text_is_tagged_up_to_the_limit(annotate_here, trained, tmp_path):
    text = "The dog ate the apples . " * 100
    (tmp_path / "a.txt").write_text(f"{text}\n{text}x\n")
    summary = annotate_here(tmp_path / "a.txt", tmp_path / "out", max_length=len(text))
    assert read_tags(tmp_path / "out" / "a.parquet") == tags(trained, [text])
    assert summary.counts.errors == 1
    (error,) = (tmp_path / "out" / "_errors" / "a.jsonl").read_text().splitlines()
    assert json.loads(error)["reason"] == "the text has 2,501 characters, more than --max-length 2,500"
