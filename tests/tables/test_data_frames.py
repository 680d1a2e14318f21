"""One line for each library, against the library itself."""

import pyarrow
import pytest

from spacy_lstm_tagger.tables import duckdb_function, spark_frame
from spacy_lstm_tagger.tables.annotator import Annotator

TEXTS = ["Yes !", None, "", "Everybody reads books", "Run"]
POS = [["INTJ", "PUNCT"], None, [], ["PRON", "VERB", "NOUN"], ["VERB"]]


@pytest.fixture
def annotate(trained_path):
    return Annotator(trained_path)


def to_lists(column):
    return [None if value is None else list(value) for value in column]


def test_pandas(annotate):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": TEXTS, "id": range(5)}, index=[2, 4, 6, 8, 9])
    annotated = annotate.pandas(frame)
    assert to_lists(annotated["pos"]) == POS
    assert list(annotated.index) == list(frame.index) and list(annotated["id"]) == list(frame["id"])


def test_polars(annotate):
    polars = pytest.importorskip("polars")
    frame = polars.from_arrow(annotate(polars.DataFrame({"text": TEXTS})))
    assert frame["pos"].to_list() == POS
    assert frame["tokens"][0].to_list()[0] == {"text": "Yes", "start": 0, "end": 3, "whitespace": True}


def test_polars_lazily(annotate):
    polars = pytest.importorskip("polars")
    lazy = polars.LazyFrame({"text": TEXTS})
    schema = polars.from_arrow(annotate(lazy.collect().clear())).schema
    tagged = lazy.map_batches(lambda frame: polars.from_arrow(annotate(frame)), schema=schema)
    assert tagged.select("pos").collect()["pos"].to_list() == POS


@pytest.fixture
def connection():
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE corpus (id INTEGER, text VARCHAR)")
        connection.executemany("INSERT INTO corpus VALUES (?, ?)", list(enumerate(TEXTS)))
        yield connection


@pytest.mark.parametrize("confidence", [False, True])
def test_function_of_duckdb(connection, trained_path, confidence):
    duckdb_function.register(connection, trained_path, confidence=confidence)
    rows = connection.sql("SELECT lstm_tagger(text) FROM corpus ORDER BY id").fetchall()
    assert [row and row["pos"] for (row,) in rows] == POS
    assert rows[4][0]["tokens"] == [{"text": "Run", "start": 0, "end": 3, "whitespace": False}]
    assert ("pos_confidence" in rows[0][0]) == confidence


def test_function_of_duckdb_tags_many_rows(connection, trained_path):
    duckdb_function.register(connection, trained_path, name="tag")
    query = "SELECT count(*), count(DISTINCT tag(text).pos) FROM (SELECT text FROM corpus, range(3000))"
    assert connection.sql(query).fetchall() == [(15_000, 4)]


def test_stream_of_duckdb(connection, annotate):
    tagged = annotate.stream(connection.cursor().sql("FROM corpus ORDER BY id"))
    connection.execute("CREATE TABLE tagged AS FROM tagged")
    assert connection.sql("SELECT id, pos FROM tagged ORDER BY id").fetchall() == list(enumerate(POS))
    assert tagged.schema.names[:3] == ["id", "text", "tokens"]


def test_dask(annotate):
    pandas = pytest.importorskip("pandas")
    dask = pytest.importorskip("dask.dataframe")
    frame = dask.from_pandas(pandas.DataFrame({"text": TEXTS}), npartitions=2)
    annotated = frame.map_partitions(annotate.pandas).compute(scheduler="synchronous")
    assert to_lists(annotated["pos"]) == POS


@pytest.mark.slow
def test_spark(trained_path, monkeypatch):
    sql = pytest.importorskip("pyspark.sql")
    import sys

    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    builder = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    try:
        session = builder.getOrCreate()
    except Exception as error:
        pytest.skip(f"Spark needs Java: {error}")
    try:
        frame = session.createDataFrame(list(enumerate(TEXTS)), "id int, text string")
        annotated = spark_frame.annotate_frame(frame, Annotator(trained_path, n_threads=1))
        rows = annotated.orderBy("id").collect()
        assert [row.pos for row in rows] == POS
        assert rows[0].tokens[0].asDict() == {"text": "Yes", "start": 0, "end": 3, "whitespace": True}
    finally:
        session.stop()


def test_batches_as_spark_has_them(annotate):
    batches = [pyarrow.record_batch({"text": TEXTS[:2]}), pyarrow.record_batch({"text": TEXTS[2:]})]
    annotated = pyarrow.Table.from_batches(annotate.batches(iter(batches)))
    assert annotated["pos"].to_pylist() == POS


@pytest.mark.slow
def test_ray_data(trained_path):
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error", log_to_driver=False)
    try:
        dataset = ray.data.from_arrow(pyarrow.table({"id": range(5), "text": TEXTS})).map_batches(
            Annotator,
            fn_constructor_kwargs={"model": trained_path, "n_threads": 1},
            compute=ray.data.ActorPoolStrategy(size=1),
            batch_format="pyarrow",
            batch_size=2,
        )
        rows = sorted(dataset.take_all(), key=lambda row: row["id"])
    finally:
        ray.shutdown()
    assert [row["pos"] if row["pos"] is None else list(row["pos"]) for row in rows] == POS
