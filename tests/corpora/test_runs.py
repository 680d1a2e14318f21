"""Runs that are continued, with the same settings and with others."""

import json

import pytest

from spacy_lstm_tagger.corpora import annotate as annotate_module
from spacy_lstm_tagger.corpora.output_folder import OutputFolder
from spacy_lstm_tagger.corpora.shards import find_shards
from spacy_lstm_tagger.corpora.work import UnitDone

from .conftest import read_tree, run_here

pytestmark = pytest.mark.usefixtures("small_units")


@pytest.fixture
def corpus(tmp_path):
    corpus = tmp_path / "corpus"
    (corpus / "more").mkdir(parents=True)
    for number in range(4):
        lines = [f"The dog {number} ate {line} apples ." for line in range(number * 7)]
        lines.insert(2, "caf\udce9")
        folder = corpus / "more" if number % 2 else corpus
        (folder / f"{number}.txt").write_text("\n".join(lines), errors="surrogateescape")
    return corpus


def stop_after(n_events):
    """An engine that is killed between two events."""

    def run(shards, job, n_workers):
        number = 0
        for event in run_here(shards, job, n_workers):
            if number == n_events:
                raise KeyboardInterrupt
            number += not isinstance(event, UnitDone) or event.counts is not None
            yield event

    return run


@pytest.mark.parametrize("format", ["parquet", "jsonl", "spacy"])
def test_run_that_stopped_anywhere_ends_with_the_same_bytes(annotate_here, corpus, tmp_path, monkeypatch, format):
    expected = annotate_here(corpus, tmp_path / "whole", format=format)
    n_stops = 0
    while True:
        monkeypatch.setattr(annotate_module, "run_locally", stop_after(n_stops % 3 + 1))
        try:
            summary = annotate_here(corpus, tmp_path / "parts", format=format)
            break
        except KeyboardInterrupt:
            n_stops += 1
    assert n_stops > 5
    assert summary.counts == expected.counts
    assert read_tree(tmp_path / "parts") == read_tree(tmp_path / "whole")


def test_nothing_is_done_twice(annotate_here, corpus, tmp_path, monkeypatch):
    done = []

    def run(shards, job, n_workers):
        for event in run_here(shards, job, n_workers):
            done.append(isinstance(event, UnitDone) and event.counts is not None)
            yield event

    monkeypatch.setattr(annotate_module, "run_locally", stop_after(5))
    with pytest.raises(KeyboardInterrupt):
        annotate_here(corpus, tmp_path / "out")
    monkeypatch.setattr(annotate_module, "run_locally", run)
    annotate_here(corpus, tmp_path / "out")
    n_first = sum(done)
    annotate_here(corpus, tmp_path / "whole")
    assert n_first == sum(done) - n_first - 4
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    done.clear()
    assert annotate_here(corpus, tmp_path / "out").n_files == 4 and done == []
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


def test_two_runs_do_not_write_to_one_folder(annotate_here, corpus, tmp_path, monkeypatch):
    expected = annotate_here(corpus, tmp_path / "whole")

    def run(shards, job, n_workers):
        with pytest.raises(ValueError, match=r"Another run of `annotate` is writing to .*out"):
            annotate_here(corpus, tmp_path / "out")
        yield from run_here(shards, job, n_workers)

    monkeypatch.setattr(annotate_module, "run_locally", run)
    assert annotate_here(corpus, tmp_path / "out").counts == expected.counts
    assert read_tree(tmp_path / "out") == read_tree(tmp_path / "whole")


def test_what_is_left_in_the_folder_is_what_is_documented(annotate_here, corpus, tmp_path):
    annotate_here(corpus, tmp_path / "out")
    assert list(read_tree(tmp_path / "out")) == [
        "0.parquet",
        "2.parquet",
        "_annotate/done/0.json",
        "_annotate/done/2.json",
        "_annotate/done/more/1.json",
        "_annotate/done/more/3.json",
        "_annotate/lock",
        "_annotate/settings.json",
        "_errors/0.jsonl",
        "_errors/2.jsonl",
        "_errors/more/1.jsonl",
        "_errors/more/3.jsonl",
        "more/1.parquet",
        "more/3.parquet",
    ]
    assert not any(path.is_dir() and path.name in ("units", "unfinished") for path in (tmp_path / "out").rglob("*"))


@pytest.mark.parametrize(
    "options, name",
    [
        ({"text": "body"}, "field = text, and not body"),
        ({"confidence": True}, "confidence = False, and not True"),
        ({"format": "jsonl"}, "format = parquet, and not jsonl"),
        ({"keep": ["id"]}, "keep = None, and not "),
        ({"max_length": 5}, "max_length = 1000000, and not 5"),
        ({"model": "en_fast"}, "model = "),
    ],
)
def test_other_settings_are_an_error(annotate_here, corpus, tmp_path, options, name):
    annotate_here(corpus, tmp_path / "out")
    before = read_tree(tmp_path / "out")
    with pytest.raises(ValueError, match=f"began with {name}.*Use the same, or name another output"):
        annotate_here(corpus, tmp_path / "out", **options)
    assert read_tree(tmp_path / "out") == before


def test_other_version_is_an_error(annotate_here, corpus, tmp_path, monkeypatch):
    annotate_here(corpus, tmp_path / "out")
    monkeypatch.setattr("spacy_lstm_tagger.corpora.job.version", lambda package: "9.9")
    with pytest.raises(ValueError, match=r"began with spacy-lstm-tagger = .*, and not 9\.9"):
        annotate_here(corpus, tmp_path / "out")


def test_model_that_is_changed_in_mid_run_is_an_error(annotate_here, corpus, tmp_path, trained, monkeypatch):
    trained.to_disk(tmp_path / "model")

    def run(shards, job, n_workers):
        meta = json.loads((tmp_path / "model" / "meta.json").read_text())
        (tmp_path / "model" / "meta.json").write_text(json.dumps({**meta, "name": "other"}))
        annotate_module.digest_model.cache_clear()
        return run_here(shards, job, n_workers)

    monkeypatch.setattr(annotate_module, "run_locally", run)
    with pytest.raises(ValueError, match="is not the one that the run began with"):
        annotate_here(corpus, tmp_path / "out", model=tmp_path / "model")


def test_input_with_other_files_is_an_error(annotate_here, corpus, tmp_path):
    annotate_here(corpus, tmp_path / "out")
    (corpus / "9.txt").write_text("Run")
    with pytest.raises(ValueError, match="The input is not that of the run which began in "):
        annotate_here(corpus, tmp_path / "out")
    (corpus / "9.txt").unlink()
    (corpus / "more" / "1.txt").unlink()
    with pytest.raises(ValueError, match="more/1 is gone"):
        annotate_here(corpus, tmp_path / "out")


def test_file_that_changes_before_it_is_whole_is_annotated_anew(annotate_here, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(annotate_module, "run_locally", stop_after(1))
    with pytest.raises(KeyboardInterrupt):
        annotate_here(corpus, tmp_path / "out")
    (corpus / "0.txt").write_text("Yes !\n" * 9)
    monkeypatch.setattr(annotate_module, "run_locally", run_here)
    annotate_here(corpus, tmp_path / "out")
    annotate_here(corpus, tmp_path / "whole")
    assert read_tree(tmp_path / "out") == read_tree(tmp_path / "whole")


def test_output_that_was_removed_is_made_again(annotate_here, corpus, tmp_path):
    annotate_here(corpus, tmp_path / "out")
    before = read_tree(tmp_path / "out")
    (tmp_path / "out" / "more" / "1.parquet").unlink()
    annotate_here(corpus, tmp_path / "out")
    assert read_tree(tmp_path / "out") == before


def test_folder_with_other_things_is_left_alone(annotate_here, corpus, tmp_path):
    with pytest.raises(ValueError, match="more is not empty, and no run of `annotate` began there"):
        annotate_here(corpus / "0.txt", corpus / "more")


@pytest.mark.parametrize("below", ["", "out"])
def test_output_in_the_input_is_an_error(annotate_here, corpus, below):
    with pytest.raises(ValueError, match="Name a folder beside it"):
        annotate_here(corpus, corpus / below)
    assert not (corpus / "out").exists()


def test_file_beside_a_folder_of_its_name(annotate_here, tmp_path):
    """Units of the one are not removed with those of the other."""
    (tmp_path / "corpus" / "news").mkdir(parents=True)
    (tmp_path / "corpus" / "news" / "a.txt").write_text("Run\n" * 12)
    (tmp_path / "corpus" / "news.txt").write_text("Yes\n" * 12)
    summary = annotate_here(tmp_path / "corpus", tmp_path / "out")
    assert summary.counts[:2] == (24, 0) and summary.n_files == 2
    folder = OutputFolder(str(tmp_path / "out"), ".parquet")
    one, other = (folder.units(shard) for shard in find_shards(str(tmp_path / "corpus")).shards)
    assert not one.startswith(other) and not other.startswith(one)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"engine": "dask"}, "There is no engine 'dask'. Use one of: local, ray"),
        ({"format": "xml"}, "There is no output format 'xml'. Use one of: parquet"),
        ({"input_format": "xml"}, "There is no format 'xml'"),
        ({"model": "nothing"}, "E050"),
    ],
)
def test_mistakes_leave_nothing_behind(annotate_here, corpus, tmp_path, options, message):
    with pytest.raises((ValueError, OSError), match=message):
        annotate_here(corpus, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_pipeline_without_a_tagger_leaves_nothing_behind(annotate_here, corpus, tmp_path):
    import spacy

    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(ValueError, match="no component of the factory 'lstm_tagger'"):
        annotate_here(corpus, tmp_path / "out", model=tmp_path / "blank")
    assert not (tmp_path / "out").exists()


def test_rows_that_are_missing_are_noticed(annotate_here, corpus, tmp_path, monkeypatch):
    from spacy_lstm_tagger.corpora import outputs

    lose = outputs.FORMATS["parquet"]._replace(join=lambda read, file: outputs.join_parquet(read, file) - 1)
    monkeypatch.setitem(outputs.FORMATS, "parquet", lose)
    with pytest.raises(ValueError, match=r"0\.txt: 1 rows were read, but -1 were written and 1 are errors"):
        annotate_here(corpus, tmp_path / "out")
