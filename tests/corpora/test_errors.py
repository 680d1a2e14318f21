"""Bad records go to the errors and the rest goes on; bad files are named and the others go on."""

import gzip
import json

import pyarrow
import pyarrow.parquet
import pytest

from .conftest import read_tree

pytestmark = pytest.mark.usefixtures("small_units")
FORMATS = ["parquet", "jsonl", "conllu", "spacy"]
JSON_LINES = [
    (b'{"text": "Run"}', None),
    (b'{"text": "Run"', "delimiter"),
    (b'{"body": "Run"}', "it has no field 'text', only: body. Name one with --field."),
    (b'{"text": 3}', "a text was expected in the field 'text', not a number"),
    (b'["Run"]', 'an object such as {"text": "She reads."} was expected, not an array'),
    (b'{"text": "a\\ud800b"}', "the field 'text' is not valid Unicode or UTF-8: surrogates not allowed"),
    (b'{"text": "Run", "id": "\\udc00"}', "the field 'id' is not valid Unicode"),
    (b'{"text": "caf\xe9"}', "utf-8"),
    (b"[" * 100_000, "recursion"),
    (b'{"text": "Yes"}', None),
]


def read_errors(folder, name="a"):
    return [json.loads(line) for line in (folder / "_errors" / f"{name}.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("format", FORMATS)
def test_bad_json_lines(annotate_here, tmp_path, format):
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(line for line, _ in JSON_LINES))
    summary = annotate_here(tmp_path / "a.jsonl", tmp_path / "out", format=format)
    bad = [(number, line, reason) for number, (line, reason) in enumerate(JSON_LINES, 1) if reason]
    errors = read_errors(tmp_path / "out")
    assert [error["line"] for error in errors] == [number for number, _, _ in bad]
    for error, (_, line, reason) in zip(errors, bad):
        assert reason in error["reason"] and error["file"] == str(tmp_path / "a.jsonl")
        assert error["content"].encode()[:5] == line[:5]
    assert summary.counts[:2] == (len(JSON_LINES), len(bad))


def test_bad_csv(annotate_here, tmp_path):
    (tmp_path / "a.csv").write_bytes(b'id,text\n1,Run\n2\n3,caf\xe9\n4,"Yes"x\n5,Yes\n')
    summary = annotate_here(tmp_path / "a.csv", tmp_path / "out")
    assert [(e["line"], e["content"][:6]) for e in read_errors(tmp_path / "out")][:2] == [(3, "2"), (4, '{"id":')]
    assert "not valid Unicode or UTF-8" in read_errors(tmp_path / "out")[1]["reason"]
    assert pyarrow.parquet.read_table(tmp_path / "out" / "a.parquet")["id"].to_pylist() == ["1", "5"]
    assert summary.counts[:2] == (5, 3)


def test_bad_text(annotate_here, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"Run\ncaf\xe9\nYes\n")
    annotate_here(tmp_path / "a.txt", tmp_path / "out")
    (error,) = read_errors(tmp_path / "out")
    assert error["line"] == 2 and "can't decode byte 0xe9" in error["reason"] and error["content"] == "caf\\xe9"
    assert pyarrow.parquet.read_table(tmp_path / "out" / "a.parquet")["line"].to_pylist() == [1, 3]


def test_bad_conllu(annotate_here, tmp_path):
    good = "1\tRun" + "\t_" * 8 + "\n"
    (tmp_path / "a.conllu").write_text(f"{good}\n# x\n2\tRun\t_\n\n{good}\n")
    annotate_here(tmp_path / "a.conllu", tmp_path / "out", format="conllu")
    (error,) = read_errors(tmp_path / "out")
    assert error["line"] == 3 and "line 4: CoNLL-U has 10 columns" in error["reason"]
    assert (tmp_path / "out" / "a.conllu").read_text().count("VERB") == 2


def test_parquet_that_is_not_utf8(annotate_here, tmp_path):
    texts = pyarrow.array([b"Run", b"caf\xe9", b"Yes"], pyarrow.binary()).view(pyarrow.string())
    pyarrow.parquet.write_table(pyarrow.table({"id": [1, 2, 3], "text": texts}), tmp_path / "a.parquet")
    annotate_here(tmp_path / "a.parquet", tmp_path / "out")
    (error,) = read_errors(tmp_path / "out")
    assert error["line"] == 2 and "can't decode byte 0xe9" in error["reason"]
    assert pyarrow.parquet.read_table(tmp_path / "out" / "a.parquet")["id"].to_pylist() == [1, 3]


@pytest.mark.parametrize("format", FORMATS)
def test_row_that_the_pipeline_fails_for_does_not_take_others_with_it(annotate_here, tmp_path, monkeypatch, format):
    from spacy_lstm_tagger.pipeline.component import LSTMTaggerPipe

    predict = LSTMTaggerPipe.predict

    def stumble(self, docs):
        if any("poison" in doc.text for doc in docs):
            raise RuntimeError("poison was found")
        return predict(self, docs)

    monkeypatch.setattr(LSTMTaggerPipe, "predict", stumble)
    lines = ["Run", "Yes", "poison", "The dog"]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    summary = annotate_here(tmp_path / "a.txt", tmp_path / "out", format=format)
    (error,) = read_errors(tmp_path / "out")
    assert (error["line"], error["reason"], error["content"]) == (3, "poison was found", "poison")
    assert summary.counts[:2] == (4, 1)


def test_strict_stops_at_the_first(annotate_here, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"Run\ncaf\xe9\n\xff\n")
    with pytest.raises(ValueError, match=r"a\.txt, line 2: .*0xe9"):
        annotate_here(tmp_path / "a.txt", tmp_path / "out", strict=True)
    assert not (tmp_path / "out" / "a.parquet").exists()
    annotate_here(tmp_path / "a.txt", tmp_path / "out")
    assert len(read_errors(tmp_path / "out")) == 2


def truncated_parquet(path):
    pyarrow.parquet.write_table(pyarrow.table({"text": ["Run"] * 50}), path)
    path.write_bytes(path.read_bytes()[:-20])


def damaged_parquet(path):
    """Its beginning can be read."""
    table = pyarrow.table({"text": [f"Run {n} {n * n}" for n in range(300)]})
    pyarrow.parquet.write_table(table, path, row_group_size=50, compression="gzip", use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200] = bytes(200)
    path.write_bytes(content)


DAMAGED = {
    "a.txt.gz": lambda path: path.write_bytes(gzip.compress(bytes(range(65, 91)) * 1000)[:-20]),
    "a.txt.zst": lambda path: path.write_bytes(b"not zstd"),
    "a.parquet": truncated_parquet,
    "a.pq": damaged_parquet,
    "a.spacy": lambda path: path.write_bytes(b"x\x9cnot docs"),
    "a.csv": lambda path: path.write_text("text,text\na,b\n"),
    "b.parquet": lambda path: pyarrow.parquet.write_table(pyarrow.table({"body": ["Run"]}), path),
    "c.parquet": lambda path: pyarrow.parquet.write_table(pyarrow.table({"text": [1]}), path),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_file_that_cannot_be_read_is_named_and_the_others_go_on(annotate_here, tmp_path, name):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "z.txt").write_text("Run\nYes\n")
    DAMAGED[name](corpus / name)
    summary = annotate_here(corpus, tmp_path / "out")
    assert [failure.partition(" cannot be read to its end: ")[0] for failure in summary.failures] == [
        str(corpus / name)
    ]
    assert summary.n_files == 1 and (tmp_path / "out" / "z.parquet").exists()
    assert not (tmp_path / "out" / f"{name[0]}.parquet").exists()

    # When it is mended, the next run does what is missing.
    for suffix in ("", ".bak"):
        (corpus / name).with_name(name + suffix).unlink(missing_ok=True)
    (tmp_path / "whole").mkdir()
    whole = {"parquet": "Run", "pq": "Run"}
    if name.rpartition(".")[2] in whole:
        pyarrow.parquet.write_table(pyarrow.table({"text": ["Run", "Yes"]}), corpus / name)
    elif name == "a.csv":
        (corpus / name).write_text("text\nRun\n")
    else:
        return
    annotate_here(corpus, tmp_path / "out")
    annotate_here(corpus, tmp_path / "again")
    assert read_tree(tmp_path / "out") == read_tree(tmp_path / "again")


def test_file_that_vanishes_is_named_and_the_others_go_on(annotate_here, tmp_path, monkeypatch):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for name in ("a.txt", "b.txt", "c.txt"):
        (corpus / name).write_text("Run\n")

    def vanish(*progress):
        (corpus / "b.txt").unlink(missing_ok=True)

    summary = annotate_here(corpus, tmp_path / "out", on_progress=vanish)
    assert len(summary.failures) == 1 and str(corpus / "b.txt") in summary.failures[0]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.parquet")) == ["a.parquet", "c.parquet"]


def test_errors_of_a_run_before_do_not_stay(annotate_here, tmp_path):
    """A file is annotated again when what was said of it is removed."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"Run\ncaf\xe9\n")
    annotate_here(path, tmp_path / "out")
    assert (tmp_path / "out" / "_errors" / "a.jsonl").exists()
    path.write_text("Run\n")
    with pytest.raises(
        ValueError, match=r"a\.txt has changed since .*a\.parquet was made of it. Restore it, or remove"
    ):
        annotate_here(path, tmp_path / "out")
    (tmp_path / "out" / "_annotate" / "done" / "a.json").unlink()
    annotate_here(path, tmp_path / "out")
    assert not (tmp_path / "out" / "_errors" / "a.jsonl").exists()
