import pytest

from ..conftest import SENTENCES


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


def test_data_that_cannot_be_read_is_named(run_spacy, trained_path, tmp_path):
    path = tmp_path / "data.txt"
    path.write_text("no annotation here\n")
    done = run_spacy("lstm-tagger", "evaluate", trained_path, path, check=False)
    assert done.returncode == 1
    assert str(path) in done.stderr and "Traceback" not in done.stderr
