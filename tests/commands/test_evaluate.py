import shutil

import pytest
import srsly

from spacy_lstm_tagger.commands.evaluate import TRAINING_LOG

from ..conftest import SENTENCES
from ..evaluation.test_figures import LOG


@pytest.fixture
def data(tmp_path):
    """SENTENCES with a word that is not in the training data, and one wrong tag."""
    path = tmp_path / "data.conllu"
    blocks = []
    for sentence in SENTENCES:
        rows = enumerate(zip(sentence["words"], sentence["pos"], sentence["tags"], sentence["morphs"]), 1)
        lines = [f"{i}\t{w}\t_\t{p}\t{t}\t{m or '_'}\t_\t_\t_\t_" for i, (w, p, t, m) in rows]
        blocks.append("\n".join(lines) + "\n\n")
    path.write_text("".join(blocks).replace("books\t_\tNOUN\tNNS", "books\t_\tNOUN\tNNPS").replace("!", "?"))
    return path


def test_prints_accuracies_scores_of_labels_and_confusions(run_spacy, trained_path, data):
    rows = [line.split() for line in run_spacy("lstm-tagger", "evaluate", trained_path, data).stdout.splitlines()]
    accuracies = {row[0]: row[1:] for row in rows if row and row[0] in ("UPOS", "XPOS", "FEATS") and len(row) == 6}
    assert set(accuracies) == {"UPOS", "XPOS", "FEATS"}
    n_words = sum(len(sentence["words"]) for sentence in SENTENCES)
    assert all(row[3:] == [str(n_words), "1"] for row in accuracies.values())
    assert accuracies["XPOS"][1] == f"{100 * (n_words - 2) / (n_words - 1):.2f}"
    assert ["NNS", "50.00", "100.00", "66.67", "1"] in rows
    assert ["NNPS", "NNS", "1"] in rows


def test_report_is_one_page(run_spacy, trained_path, data, tmp_path):
    done = run_spacy("lstm-tagger", "evaluate", trained_path, data, "--report", tmp_path / "new" / "report")
    (path,) = (tmp_path / "new" / "report").iterdir()
    assert str(path) in done.stdout
    assert all(f">{layer}</h2>" in path.read_text("utf8") for layer in ("UPOS", "XPOS", "FEATS"))
    assert "Learning curve" not in path.read_text("utf8")


def test_report_has_the_curve_of_a_pipeline_that_lies_as_train_left_it(run_spacy, trained_path, data, tmp_path):
    shutil.copytree(trained_path, tmp_path / "model-best")
    srsly.write_jsonl(tmp_path / TRAINING_LOG, LOG)
    run_spacy("lstm-tagger", "evaluate", tmp_path / "model-best", data, "--report", tmp_path)
    assert "Learning curve" in (tmp_path / "report.html").read_text("utf8")


def test_without_matplotlib_says_how_to_install_it(run_spacy, trained_path, data, tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_lstm_tagger.evaluation.figures.find_spec", lambda name: None)
    done = run_spacy("lstm-tagger", "evaluate", trained_path, data, "--report", tmp_path)
    assert 'pip install "spacy-lstm-tagger[plot]"' in done.stdout
    assert "<svg" not in (tmp_path / "report.html").read_text("utf8")


def test_report_that_cannot_be_written_is_an_error(run_spacy, trained_path, data, tmp_path):
    (tmp_path / "file").touch()
    done = run_spacy("lstm-tagger", "evaluate", trained_path, data, "--report", tmp_path / "file", check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_shows_no_progress_without_a_terminal(run_spacy, trained_path, data):
    assert run_spacy("lstm-tagger", "evaluate", trained_path, data).stderr == ""


def test_data_that_cannot_be_read_is_named(run_spacy, trained_path, tmp_path):
    path = tmp_path / "data.txt"
    path.write_text("no annotation here\n")
    done = run_spacy("lstm-tagger", "evaluate", trained_path, path, check=False)
    assert done.returncode == 1
    assert str(path) in done.stderr and "Traceback" not in done.stderr
