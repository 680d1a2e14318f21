import pickle
import sys
import threading

import pyarrow
import pytest
import spacy
from spacy.language import Language

from spacy_lstm_tagger.pipeline.loading import load_pipeline
from spacy_lstm_tagger.tables import shared_pipelines
from spacy_lstm_tagger.tables.annotator import Annotator

from ..conftest import TEXTS, WITH_LEMMAS, make_pipeline

STRING_TYPES = [
    pyarrow.string(),
    pyarrow.large_string(),
    pyarrow.string_view(),
    pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A pipeline with a head for each layer."""
    path = tmp_path_factory.mktemp("pipeline") / "nlp"
    make_pipeline(steps=60, sentences=WITH_LEMMAS).to_disk(path)
    return path


def by_spacy(path, texts, *, confidence=False):
    """What the columns must be, token by token."""
    rows = []
    nlp = load_pipeline(path, store_confidence=confidence)
    layers = nlp.get_pipe("lstm_tagger").set_layers
    for text in texts:
        doc = None if text is None else nlp(text)
        row = {"tokens": [(t.text, t.idx, t.idx + len(t), t.whitespace_ == " ") for t in doc or []]}
        values = {"tag": "tag_", "pos": "pos_", "morph": "morph", "lemma": "lemma_"}
        row.update({n: [str(getattr(t, values[n])) for t in doc or []] for n in values if n in layers})
        if "sents" in layers:
            row["sent_start"] = [t.is_sent_start for t in doc or []]
        if confidence:
            row.update({f"{n}_confidence": [t._.get(f"{n}_confidence") for t in doc or []] for n in layers})
        rows.append(dict.fromkeys(row) if text is None else row)
    return rows


def annotated_rows(table):
    rows = table.to_pylist()
    for row in rows:
        row.pop("text")
        row["tokens"] = row["tokens"] and [tuple(token.values()) for token in row["tokens"]]
        row["tokens"] = [] if row["tokens"] == [] else row["tokens"]
    return rows


@pytest.mark.parametrize("confidence", [False, True])
def test_columns_are_what_spacy_gives(path, confidence):
    texts = [*TEXTS, None, "a\0b \n\n c 😀 d", "", "The dog . The dog"]
    annotate = Annotator(path, confidence=confidence, batch_size=3)
    table = annotate(pyarrow.table({"text": texts}))
    assert annotated_rows(table) == by_spacy(path, texts, confidence=confidence)


@pytest.mark.parametrize("type", STRING_TYPES, ids=str)
def test_all_types_of_strings_are_texts(trained_path, type):
    texts = pyarrow.array(["Yes !", None, "Run"], pyarrow.string()).cast(type)
    table = Annotator(trained_path)(pyarrow.table({"text": texts}))
    assert table["text"].type == type
    assert table["pos"].to_pylist() == [["INTJ", "PUNCT"], None, ["VERB"]]


def test_column_of_nulls_is_one_of_texts(trained_path):
    table = Annotator(trained_path)(pyarrow.table({"text": [None, None]}))
    assert table["tokens"].to_pylist() == [None, None]


def test_other_columns_order_and_metadata_are_kept(trained_path):
    schema = pyarrow.schema([("id", pyarrow.int8()), ("body", pyarrow.string())], {"made by": "a test"})
    table = pyarrow.table({"id": [3, 1, 2], "body": ["Run", "Yes !", ""]}, schema=schema)
    annotated = Annotator(trained_path, text="body")(table)
    assert annotated.select(["id", "body"]).equals(table)
    assert annotated.schema.metadata == schema.metadata
    assert annotated["tag"].to_pylist() == [["VB"], ["UH", "."], []]


@pytest.mark.parametrize("n_rows", [0, 1])
def test_schema_is_known_before_there_are_rows(trained_path, n_rows):
    table = pyarrow.table({"text": pyarrow.array(["Run"] * n_rows, pyarrow.string())})
    annotate = Annotator(trained_path)
    assert annotate(table).schema == annotate.schema(table.schema)
    assert annotate(table).num_rows == n_rows


@pytest.mark.parametrize(
    "table, message",
    [
        ({"body": ["a"]}, "no column 'text' of texts, only: body. Set `text` to one of them"),
        ({"text": [1]}, "Texts were expected in the column 'text', not values of the type int64"),
        ({"text": ["a"], "pos": ["b"]}, "already has a column 'pos'. Rename it"),
    ],
)
def test_tables_that_do_not_fit_are_named(trained_path, table, message):
    with pytest.raises(ValueError, match=message):
        Annotator(trained_path)(pyarrow.table(table))


def test_row_that_cannot_be_tagged_is_named(trained_path):
    texts = ["Run", "Yes", "Run " * 300_000]
    with pytest.raises(ValueError, match="Row 2 of the table, which counts from 0, cannot be tagged: "):
        Annotator(trained_path, batch_size=2)(pyarrow.table({"text": texts}))


def test_layers_of_other_components_have_columns(trained, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", source=trained)
    nlp.add_pipe("sentencizer")
    nlp.to_disk(tmp_path / "nlp")
    table = Annotator(tmp_path / "nlp")(pyarrow.table({"text": ["Run . Yes"]}))
    assert table["sent_start"].to_pylist() == [[True, False, True]]
    assert "lemma" not in table.column_names


def test_layers_that_are_not_set_have_no_column(tmp_path):
    make_pipeline(heads=["tag"]).to_disk(tmp_path / "nlp")
    table = Annotator(tmp_path / "nlp", confidence=True)(pyarrow.table({"text": ["Run"]}))
    assert table.column_names == ["text", "tokens", "tag", "tag_confidence"]


def test_stream_is_read_as_it_is_used(trained_path):
    read = []

    def batches():
        for number in range(3):
            read.append(number)
            yield pyarrow.record_batch({"text": pyarrow.array(["Run"] * number, pyarrow.string())})

    source = pyarrow.RecordBatchReader.from_batches(pyarrow.schema([("text", pyarrow.string())]), batches())
    annotate = Annotator(trained_path)
    stream = annotate.stream(source)
    assert stream.schema == annotate.schema(source.schema) and read == []
    while not (batch := stream.read_next_batch()).num_rows:
        pass
    assert batch.num_rows == 1 and read == [0, 1]
    assert stream.read_all()["pos"].to_pylist() == [["VERB"]] * 2


def test_is_pickled_as_its_settings_alone(trained_path):
    annotate = Annotator(trained_path, text="body", confidence=True)
    table = pyarrow.table({"body": ["Run"]})
    before = len(pickle.dumps(annotate))
    expected = annotate(table)
    pickled = pickle.dumps(annotate)
    assert len(pickled) == before < 1000
    assert pickle.loads(pickled)(table).equals(expected)


def test_pipeline_is_loaded_once_a_process(trained_path, monkeypatch):
    loaded = []
    monkeypatch.setattr(shared_pipelines, "_loaded", {})
    monkeypatch.setattr(
        shared_pipelines, "load_pipeline", lambda *args, **kwargs: loaded.append(args) or load_pipeline(*args, **kwargs)
    )
    table = pyarrow.table({"text": ["Run"]})
    assert Annotator(trained_path)(table).equals(Annotator(trained_path, batch_size=7)(table))
    assert len(loaded) == 1


def test_threads_take_turns(trained_path):
    annotate = Annotator(trained_path, batch_size=2)
    tables = [pyarrow.table({"text": [f"The dog word{n}x{i} ." for i in range(20)]}) for n in range(6)]
    expected = [annotate(table) for table in tables]
    results = {}
    threads = [
        threading.Thread(target=lambda n=n, table=table: results.update({n: annotate(table)}))
        for n, table in enumerate(tables)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[n] for n in range(len(tables))] == expected


def test_strings_of_a_table_are_freed(trained_path):
    annotate = Annotator(trained_path)
    annotate(pyarrow.table({"text": ["freedword"]}))
    assert "freedword" not in annotate._pipeline.nlp.vocab.strings


def test_no_gpu_is_an_error(trained_path, monkeypatch):
    monkeypatch.setattr(shared_pipelines, "has_torch_cuda_gpu", False)
    with pytest.raises(ValueError, match="There is no GPU 3: PyTorch finds no CUDA device"):
        Annotator(trained_path, gpu_id=3)(pyarrow.table({"text": ["Run"]}))


def test_threads_of_the_process_are_left_alone_unless_asked(run, trained_path):
    script = """
import sys, pyarrow, torch
from spacy_lstm_tagger import Annotator
torch.set_num_threads(2)
table = pyarrow.table({"text": ["Run"]})
for n_threads in (None, 1):
    Annotator(sys.argv[1], n_threads=n_threads)(table)
    print(torch.get_num_threads())
"""
    assert run("-c", script, trained_path).stdout.split() == ["2", "1"]


def test_without_pyarrow_the_error_names_the_extra(monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("pyarrow", "spacy_lstm_tagger.tables"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    import spacy_lstm_tagger

    with pytest.raises(ImportError, match=r"This needs pyarrow: pip install 'spacy-lstm-tagger\[annotate\]'"):
        spacy_lstm_tagger.Annotator  # noqa: B018


class Stumble:
    """A component that fails on some docs, alone or with others, when it has changed the ones before."""

    def __call__(self, doc):
        if "dog" in doc.text:
            raise RuntimeError("no dogs")
        doc[0].lemma_ += "+"
        return doc


@Language.factory("stumble_in_tests")
def make_stumble(nlp, name):
    return Stumble()


def test_rows_that_fail_do_not_change_others(trained):
    from functools import partial

    from spacy_lstm_tagger.tables.tagged_rows import tag_rows

    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", source=trained)
    nlp.add_pipe("stumble_in_tests")
    texts = ["Run", None, "The dog", "Yes !"]
    ((run, null, dog, yes),) = tag_rows(nlp, [text and partial(nlp.make_doc, text) for text in texts])
    assert null is None and str(dog) == "no dogs"
    assert [[(t.lemma_, t.pos_) for t in doc] for doc in (run, yes)] == [
        [("+", "VERB")],
        [("+", "INTJ"), ("", "PUNCT")],
    ]
