import shutil

import pytest
import srsly

from spacy_lstm_tagger.commands.evaluate import TRAINING_LOG

from ..conftest import ROOT, SENTENCES
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


def test_prints_accuracies_worst_labels_and_features(run_spacy, trained_path, data):
    rows = [line.split() for line in run_spacy("lstm-tagger", "evaluate", trained_path, data).stdout.splitlines()]
    accuracies = {row[0]: row[1:] for row in rows if row and row[0] in ("UPOS", "XPOS", "FEATS") and len(row) == 7}
    assert set(accuracies) == {"UPOS", "XPOS", "FEATS"}
    n_words = sum(len(sentence["words"]) for sentence in SENTENCES)
    assert all(row[4:] == [str(n_words), "1"] for row in accuracies.values())
    assert accuracies["XPOS"][2] == f"{100 * (n_words - 2) / (n_words - 1):.2f}"
    assert any(row[-5:] == ["NNS", "50.00", "100.00", "66.67", "1"] for row in rows)
    # Tables are side by side.
    assert any(row[:5] == ["Definite", "100.00", "100.00", "100.00", "2"] and row[5] == "Tense" for row in rows)


def test_fits_one_screen(run_spacy, trained_path):
    done = run_spacy("lstm-tagger", "evaluate", "en", ROOT / "corpus" / "en_sample-dev.conllu")
    lines = done.stdout.splitlines()
    assert len(lines) <= 40 and max(map(len, lines)) <= 90


def test_writes_all_scores_as_json(run_spacy, trained_path, data, tmp_path):
    run_spacy("lstm-tagger", "evaluate", trained_path, data, "--output", tmp_path / "new" / "scores.json")
    scores = srsly.read_json(tmp_path / "new" / "scores.json")
    n_words = sum(len(sentence["words"]) for sentence in SENTENCES)
    assert scores["tag_words"] == n_words and scores["tag_words_unknown"] == 1
    assert scores["tag_acc_known"] == pytest.approx((n_words - 2) / (n_words - 1))
    assert scores["tag_per_label"]["NNS"] == {"p": 0.5, "r": 1.0, "f": pytest.approx(2 / 3), "words": 1}
    assert scores["morph_per_feat"]["Definite"]["f"] == 1.0
    assert 0 < scores["raw_pos_f"] <= 1


def test_scores_sentences_on_raw_text(run_spacy, tmp_path):
    data = tmp_path / "data.conllu"
    rows = [
        "".join(
            f"{i}\t{w}\t{w.lower()}\t{p}\t{t}\t{m or '_'}\t_\t_\t_\t_\n"
            for i, (w, p, t, m) in enumerate(zip(s["words"], s["pos"], s["tags"], s["morphs"]), 1)
        )
        for s in SENTENCES
    ]
    data.write_text("# newdoc\n" + "\n".join(rows * 5))
    settings = {
        "corpora.train.documents": 20,
        "components.lstm_tagger.min_tree_freq": 1,
        "training.max_steps": 150,
        "training.eval_frequency": 50,
    }
    options = [part for name, value in settings.items() for part in (f"--{name}", value)]
    run_spacy("lstm-tagger", "train", data, tmp_path / "out", "--dev", data, *options)
    model = tmp_path / "out" / "model-best"
    done = run_spacy("lstm-tagger", "evaluate", model, data, "--output", tmp_path / "scores.json")
    scores = srsly.read_json(tmp_path / "scores.json")
    assert scores["lemma_acc"] > 0.9 and scores["raw_lemma_f"] > 0.9 and scores["raw_sents_f"] > 0.9
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["sentences", f"{100 * scores['raw_sents_f']:.2f}", "-", "-", "-"] in rows
    assert any(row[:1] == ["LEMMA"] and len(row) == 7 for row in rows)
    table = run_spacy("lstm-tagger", "tag", "The dog ate", "--model", model).stdout
    assert [row.split()[-1] for row in table.splitlines()[2:5]] == ["the", "dog", "ate"]


def test_shows_differences_from_the_scores_of_another_tagger(run_spacy, trained_path, data, tmp_path):
    scores = tmp_path / "scores.json"
    run_spacy("lstm-tagger", "evaluate", "en", data, "--output", scores)
    other, new = srsly.read_json(scores), tmp_path / "new.json"
    arguments = ("--compare", scores, "--output", new, "--report", tmp_path)
    done = run_spacy("lstm-tagger", "evaluate", trained_path, data, *arguments)
    rows = [line.split() for line in done.stdout.splitlines()]
    (xpos,) = [i for i, row in enumerate(rows) if row[:1] == ["XPOS"] and len(row) == 7]
    names = ("raw_tag_f", "tag_acc", "tag_acc_known", "tag_acc_unknown")
    pairs = [(srsly.read_json(new)[name], other[name]) for name in names]
    expected = ["-" if a is None or b is None else f"{100 * (a - b):+.2f}" for a, b in pairs]
    assert rows[xpos + 1] == ["difference", *expected]
    cells = "".join(f"<td>{value}</td>" for value in expected)
    assert f">XPOS, difference</td>{cells}" in (tmp_path / "report.html").read_text("utf8")


def test_scores_of_other_data_are_not_compared(run_spacy, trained_path, data, tmp_path):
    scores = tmp_path / "scores.json"
    run_spacy("lstm-tagger", "evaluate", "en", ROOT / "corpus" / "en_sample-dev.conllu", "--output", scores)
    done = run_spacy("lstm-tagger", "evaluate", trained_path, data, "--compare", scores, check=False)
    assert done.returncode == 1
    assert "Evaluate both taggers on the same data" in done.stdout + done.stderr


@pytest.mark.parametrize("content", ["[]", "{", '{"tag_acc": 1}', '{"loss": 1}'])
def test_file_without_scores_is_named(run_spacy, trained_path, data, tmp_path, content):
    scores = tmp_path / "scores.json"
    scores.write_text(content)
    done = run_spacy("lstm-tagger", "evaluate", trained_path, data, "--compare", scores, check=False)
    assert done.returncode == 1
    assert f"{scores} does not hold the scores of an evaluation" in " ".join((done.stdout + done.stderr).split())


def test_labels_of_another_tag_set_are_named(run_spacy, trained_path, tmp_path):
    data = tmp_path / "data.tsv"
    data.write_text("The\tDeterminer\ndog\tNoun\n")
    done = run_spacy("lstm-tagger", "evaluate", trained_path, data)
    text = " ".join(done.stdout.split())
    assert "XPOS: 2 of 2 words have labels that the tagger does not have: Determiner, Noun" in text


def test_treebank_directory_is_its_dev_part(run_spacy, trained_path, data, tmp_path):
    treebank = tmp_path / "UD_English-Tiny"
    treebank.mkdir()
    shutil.copy(data, treebank / "en_tiny-ud-dev.conllu")
    (treebank / "en_tiny-ud-test.conllu").write_text("no CoNLL-U")
    (treebank / "LICENSE.txt").write_text("You may read this.")
    commands = [run_spacy("lstm-tagger", "evaluate", trained_path, path).stdout for path in (treebank, data)]
    assert commands[0] == commands[1]


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
    assert "pip install matplotlib" in done.stdout
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
