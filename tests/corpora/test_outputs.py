"""Every format of the output."""

import json

import pyarrow
import pyarrow.parquet
import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_lstm_tagger.formats.treebank import read_docs
from spacy_lstm_tagger.pipeline.loading import load_pipeline
from spacy_lstm_tagger.tables.annotator import Annotator

from ..conftest import TEXTS

pytestmark = pytest.mark.usefixtures("small_units")
LINES = [text.replace("\n", " ").strip() for text in TEXTS] * 3


@pytest.fixture
def lines(tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(LINES) + "\n")
    return tmp_path / "a.txt"


@pytest.mark.parametrize("confidence", [False, True])
def test_parquet_has_the_columns_of_the_annotator(annotate_here, trained_path, lines, tmp_path, confidence):
    annotate_here(lines, tmp_path / "out", confidence=confidence)
    table = pyarrow.parquet.read_table(tmp_path / "out" / "a.parquet")
    expected = Annotator(trained_path, confidence=confidence)(pyarrow.table({"text": LINES}))
    assert table.drop_columns(["line"]).equals(expected)


def test_parquet_has_row_groups_that_depend_on_the_input_alone(annotate_here, lines, tmp_path):
    for name in ("one", "two"):
        annotate_here(lines, tmp_path / name)
    one, two = ((tmp_path / name / "a.parquet").read_bytes() for name in ("one", "two"))
    assert one == two
    metadata = pyarrow.parquet.read_metadata(tmp_path / "one" / "a.parquet")
    assert metadata.num_row_groups > 2 and metadata.num_rows == len(LINES)


def test_json_lines_have_the_columns_of_parquet(annotate_here, tmp_path):
    records = [{"id": i, "text": text, "of": {"page": [i]}} for i, text in enumerate([*LINES, None])]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    annotate_here(tmp_path / "a.jsonl", tmp_path / "json", format="jsonl", confidence=True)
    annotate_here(tmp_path / "a.jsonl", tmp_path / "parquet", confidence=True)
    rows = [json.loads(line) for line in (tmp_path / "json" / "a.jsonl").read_text().splitlines()]
    expected = pyarrow.parquet.read_table(tmp_path / "parquet" / "a.parquet").to_pylist()
    assert rows == [{**row, "of": record["of"]} for row, record in zip(expected, records)]


def test_conllu_of_texts(annotate_here, tmp_path):
    records = [{"id": f"d{i}", "text": text} for i, text in enumerate(["The dog . Yes !", "", None, "Run"])]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    summary = annotate_here(tmp_path / "a.jsonl", tmp_path / "out", format="conllu")
    text = (tmp_path / "out" / "a.conllu").read_text()
    comments = [line for line in text.splitlines() if line.startswith("# ") and not line.startswith("# text")]
    assert comments == [
        "# newdoc id = d0",
        "# sent_id = d0-1",
        "# sent_id = d0-2",
        "# newdoc id = d3",
        "# sent_id = d3-1",
    ]
    docs = list(read_docs(tmp_path / "out" / "a.conllu", spacy.blank("en").vocab))
    assert [[(t.text, t.pos_) for t in doc] for doc in docs][-1] == [("Run", "VERB")]
    assert summary.counts.wordless == 2


def test_conllu_is_filled_in_as_by_tag(annotate_here, run_spacy, trained_path, tmp_path):
    block = (
        "# sent_id = {0}\n# note = kept\n1\tRun\t_\t_\t_\t_\t0\troot\t_\tX=Y\n2\tdog{0}\t_\t_\t_\t_\t1\tobj\t_\t_\n\n"
    )
    (tmp_path / "a.conllu").write_text("".join(block.format(n) for n in range(9)))
    annotate_here(tmp_path / "a.conllu", tmp_path / "out", format="conllu")
    tagged = run_spacy("lstm-tagger", "tag", "--input", tmp_path / "a.conllu", "--model", trained_path).stdout
    assert (tmp_path / "out" / "a.conllu").read_text() == tagged


def test_docs_of_texts(annotate_here, trained_path, tmp_path):
    records = [{"id": i, "text": text, "of": [1]} for i, text in enumerate([*LINES, None])]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    annotate_here(tmp_path / "a.jsonl", tmp_path / "out", format="spacy", confidence=True)
    nlp = load_pipeline(trained_path, store_confidence=True)
    docs = list(DocBin().from_disk(tmp_path / "out" / "a.spacy").get_docs(nlp.vocab))
    expected = [nlp(text or "") for text in [*LINES, None]]
    for doc, other in zip(docs, expected, strict=True):
        assert doc.text == other.text and doc.to_json()["tokens"] == other.to_json()["tokens"]
        assert [t._.pos_confidence for t in doc] == [t._.pos_confidence for t in other]
    assert [doc.user_data["fields"] for doc in docs] == [{"id": i, "of": (1,)} for i in range(len(records))]


def test_docs_keep_what_else_they_have(annotate_here, trained, tmp_path):
    nlp = spacy.blank("en")
    doc = Doc(nlp.vocab, words=["The", "dog", "ate"], ents=["O", "B-PET", "O"])
    doc.user_data["source"] = "a test"
    doc.spans["all"] = [doc[0:2]]
    DocBin(docs=[doc] * 7, store_user_data=True).to_disk(tmp_path / "a.spacy")
    annotate_here(tmp_path / "a.spacy", tmp_path / "out", format="spacy")
    docs = list(DocBin().from_disk(tmp_path / "out" / "a.spacy").get_docs(spacy.blank("en").vocab))
    assert len(docs) == 7
    for annotated in docs:
        assert [t.pos_ for t in annotated] == ["DET", "NOUN", "VERB"]
        assert [ent.label_ for ent in annotated.ents] == ["PET"]
        assert annotated.user_data["source"] == "a test" and len(annotated.spans["all"]) == 1


def test_columns_of_json_that_differ_from_unit_to_unit(annotate_here, tmp_path):
    """Each unit has five rows; a column that has values of two types is text."""
    records = [
        {"text": "Run", "same": 1, "mixed": 1, "late": None, "big": 2**70, "flag": i < 3, "part": i / 2}
        for i in range(5)
    ]
    records += [{"text": "Run", "same": 2, "mixed": "x", "late": "y", "new": True, "part": 1.5} for _ in range(5)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    annotate_here(tmp_path / "a.jsonl", tmp_path / "out")
    table = pyarrow.parquet.read_table(tmp_path / "out" / "a.parquet")
    assert table["same"].to_pylist() == [1] * 5 + [2] * 5
    assert table["mixed"].to_pylist() == ["1"] * 5 + ["x"] * 5
    assert table["late"].to_pylist() == [None] * 5 + ["y"] * 5
    assert table["big"].to_pylist() == [str(2**70)] * 5 + [None] * 5
    assert table["flag"].to_pylist() == [True] * 3 + [False] * 2 + [None] * 5
    assert table["new"].to_pylist() == [None] * 5 + [True] * 5
    assert table["part"].to_pylist() == [0.0, 0.5, 1.0, 1.5, 2.0] + [1.5] * 5


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_fields_that_are_kept_can_be_named(annotate_here, tmp_path, format):
    records = [{"id": i, "text": "Run", "tag": "taken"} for i in range(8)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    with pytest.raises(ValueError, match="The input has a field 'tag', which is what the output calls"):
        annotate_here(tmp_path / "a.jsonl", tmp_path / "out", format=format)
    annotate_here(tmp_path / "a.jsonl", tmp_path / "kept", format=format, keep=["id"])
    if format == "parquet":
        names = pyarrow.parquet.read_table(tmp_path / "kept" / "a.parquet").column_names
    else:
        names = list(json.loads((tmp_path / "kept" / "a.jsonl").read_text().splitlines()[0]))
    assert names == ["id", "text", "tokens", "tag", "pos", "morph"]


def test_too_many_docs_for_one_file_are_an_error(annotate_here, lines, tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_lstm_tagger.corpora.outputs.MAX_DOCS_BYTES", 1000)
    with pytest.raises(ValueError, match="spacy holds 1,000 bytes of tokens in a file, not "):
        annotate_here(lines, tmp_path / "out", format="spacy")
