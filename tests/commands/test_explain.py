import re

import pytest

from spacy_lstm_tagger.explain.explanation import explain
from spacy_lstm_tagger.pipeline.loading import load_pipeline

from ..conftest import ROOT


def run_explain(run_spacy, *arguments, **kwargs):
    return run_spacy("lstm-tagger", "explain", *arguments, **kwargs)


def test_writes_the_page(run_spacy, trained_path, tmp_path):
    output = tmp_path / "page.html"
    done = run_explain(run_spacy, "The dog ate", "--model", trained_path, "--output", output)
    assert str(output) in done.stdout.replace("\n", "")
    assert output.read_text("utf8") == explain(load_pipeline(trained_path), "The dog ate").to_html()


def test_neighbours_are_sought_among_given_words(run_spacy, trained_path, tmp_path):
    (tmp_path / "words.txt").write_text("Übermut\nqwertz\n", encoding="utf8")
    arguments = ["dog", "--model", trained_path, "--output", tmp_path / "page.html", "--words", tmp_path / "words.txt"]
    run_explain(run_spacy, *arguments)
    page = (tmp_path / "page.html").read_text("utf8")
    assert "Übermut" in page and "qwertz" in page and "Everybody" not in page


def test_before_without_training_data_says_what_to_do(run_spacy, tmp_path):
    output = tmp_path / "page.html"
    done = run_explain(run_spacy, "She reads", "--before", "--output", output, check=False)
    assert done.returncode == 1 and "--before needs the data" in done.stderr and "E913" not in done.stderr
    assert not output.exists()


@pytest.mark.parametrize(
    "arguments, message",
    [(["  "], "no words"), (["The dog ate", "--max-words", "2"], "3 words, and at most 2")],
)
def test_errors_leave_no_file(run_spacy, trained_path, tmp_path, arguments, message):
    output = tmp_path / "page.html"
    done = run_explain(run_spacy, *arguments, "--model", trained_path, "--output", output, check=False)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert not output.exists()


def test_before_training_is_what_training_began_with(run_spacy, tmp_path):
    """The tutorial's tables: the command that trains prints the same probabilities."""
    corpus = ROOT / "corpus" / "tutorial.json"
    arguments = ["train", corpus, tmp_path / "model", "--dev", corpus, "--config", "tutorial"]
    printed = run_spacy("lstm-tagger", *arguments).stdout
    rows = re.findall(r"^(?:Everybody|read|that|book\.) +([\d. ]+)$", printed, re.M)
    before, after = rows[:4], rows[4:]
    output = tmp_path / "page.html"
    run_explain(
        run_spacy,
        *("Everybody read that book.", "--model", tmp_path / "model" / "model-best", "--before", "--output", output),
    )
    table = output.read_text("utf8").split('<table class="before">')[1].split("<tbody>")[1].split("</tbody>")[0]
    shown = [re.findall(r">(\d\.\d{3})<", row) for row in table.split("</tr>")[:4]]
    assert shown == [first.split() + last.split() for first, last in zip(before, after)]
