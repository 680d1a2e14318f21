import pytest

from spacy_lstm_tagger.corpora import annotate as annotate_module
from spacy_lstm_tagger.corpora.units import Unit
from spacy_lstm_tagger.corpora.work import FilesRead, do, read_work


def run_here(shards, job, n_workers):
    """An engine of this process, one thing after the other."""
    files = FilesRead()
    for shard in shards:
        for item in read_work(shard, job):
            event = do(item, job) if isinstance(item, Unit) else item
            yield event
            if complete := files.note(event):
                yield do(complete, job)


@pytest.fixture
def annotate_here(monkeypatch, trained_path):
    """Annotates in this process, which saves the seconds in which others start."""
    monkeypatch.setattr(annotate_module, "run_locally", run_here)

    def annotate(source, output, model=trained_path, **options):
        return annotate_module.annotate(str(source), str(output), str(model), **options)

    return annotate


@pytest.fixture
def small_units(monkeypatch):
    """Cuts small files too."""
    monkeypatch.setattr("spacy_lstm_tagger.corpora.units.UNIT_BYTES", 60)
    monkeypatch.setattr("spacy_lstm_tagger.corpora.units.UNIT_ROWS", 5)
    monkeypatch.setattr("spacy_lstm_tagger.corpora.stored_rows.ROWS_AT_ONCE", 2)
    monkeypatch.setattr("spacy_lstm_tagger.corpora.outputs.ROW_GROUP_TOKENS", 20)


def read_tree(folder):
    """The files of a folder, with their bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
