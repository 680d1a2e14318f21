"""Training on annotation that is not plain, and training that goes on from a tagger."""

import re

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_lstm_tagger import set_allowed_labels
from spacy_lstm_tagger.formats.treebank import read_docs
from spacy_lstm_tagger.soft_labels import find_soft_labels

from ..conftest import ROOT

STEPS = ["--training.max_steps=40", "--training.eval_frequency=20"]
MORE_STEPS = ["--training.max_steps=100", "--training.eval_frequency=100"]
SAMPLE = ROOT / "corpus" / "en_sample-dev.conllu"
REVIEWS = {part: ROOT / "corpus" / f"en_code_review-{part}.conllu" for part in ("train", "dev")}
NEW = "Aspirin/DRUG helps/VBZ ./.\n" * 10
AMBIGUOUS = "They/PRP fish/VB|VBP|!NN\nThe/DT fish/NN swims/VBZ\nWe/PRP swim/!NN\n" * 10


def flat(text):
    return " ".join(text.split())


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    """Plots take longer than training does here."""
    monkeypatch.setattr("spacy_lstm_tagger.evaluation.figures.find_spec", lambda name: None)


def test_ambiguous_tags_are_learned_as_one_of_several(run_spacy, tmp_path):
    (tmp_path / "data.txt").write_text(AMBIGUOUS)
    data = ["--dev", tmp_path / "data.txt", *STEPS]
    run_spacy("lstm-tagger", "train", tmp_path / "data.txt", tmp_path / "out", "--ambiguous", *data)
    nlp = spacy.load(tmp_path / "out" / "model-best")
    assert nlp.get_pipe("lstm_tagger").labels == ("DT", "NN", "PRP", "VB", "VBP", "VBZ")
    assert [token.tag_ for token in nlp("The fish swims")] == ["DT", "NN", "VBZ"]
    assert nlp("They fish")[1].tag_ in ("VB", "VBP")
    assert nlp("We swim")[1].tag_ != "NN"


def test_without_the_option_they_are_tags_of_their_own(run_spacy, tmp_path):
    (tmp_path / "data.txt").write_text(AMBIGUOUS.replace("|!NN", ""))
    run_spacy("lstm-tagger", "train", tmp_path / "data.txt", tmp_path / "out", *STEPS)
    assert "VB|VBP" in spacy.load(tmp_path / "out" / "model-best").get_pipe("lstm_tagger").labels


def test_ambiguous_words_are_not_scored(run_spacy, tmp_path):
    (tmp_path / "data.txt").write_text("She/PRP reads/VBZ|NNS\nIt/PRP rains/VBZ\n")
    done = run_spacy("lstm-tagger", "evaluate", "en_fast", tmp_path / "data.txt", "--ambiguous")
    (row,) = [line.split() for line in done.stdout.splitlines() if line.startswith("XPOS ")]
    assert row[-2] == "3"


def test_base_learns_new_labels_and_keeps_the_old_ones(run_spacy, tmp_path):
    (tmp_path / "new.txt").write_text(NEW)
    data = ["--dev", tmp_path / "new.txt", "--base", "en_fast", "--rehearse", SAMPLE]
    done = run_spacy("lstm-tagger", "train", tmp_path / "new.txt", tmp_path / "out", *data, *MORE_STEPS)
    nlp = spacy.load(tmp_path / "out" / "model-best")
    tokens = nlp("Aspirin helps. She reads old books.")
    assert [token.tag_ for token in tokens] == ["DRUG", "VBZ", ".", "PRP", "VBZ", "JJ", "NNS", "."]
    assert [token.pos_ for token in tokens[1:]] == ["VERB", "PUNCT", "PRON", "VERB", "ADJ", "NOUN", "PUNCT"]
    assert tokens[3].lemma_ == "she" and len(list(tokens.sents)) == 2
    cells = [re.split(r" {2,}", line.strip()) for line in done.stdout.splitlines() if " data, " in line]
    rows = {name: scores for name, *scores in cells}
    assert list(rows) == ["new data, before", "new data, after", "old data, before", "old data, after"]
    assert float(rows["new data, before"][1]) < 70 and rows["new data, after"][1] == "100.00"
    old = zip(rows["old data, before"], rows["old data, after"])
    assert all(float(after) > float(before) - 2 for before, after in old)


def test_layers_that_the_data_lacks_are_filled_in(run_spacy, tmp_path):
    (tmp_path / "new.txt").write_text(NEW)
    data = ["--dev", tmp_path / "new.txt", "--base", "en_fast"]
    done = run_spacy("lstm-tagger", "train", tmp_path / "new.txt", tmp_path / "out", *data, *STEPS)
    assert "old data" not in done.stdout
    (doc, *_) = read_docs(tmp_path / "out" / "corpus" / "train", spacy.blank("en").vocab)
    assert [token.tag_ for token in doc] == ["DRUG", "VBZ", "."]
    assert [token.pos_ for token in doc][1:] == ["VERB", "PUNCT"]
    assert set(find_soft_labels(doc)) == {"pos", "morph"}
    assert doc[1].lemma_ == "help"


def test_what_is_known_of_ambiguous_words_is_not_filled_in(run_spacy, tmp_path):
    doc = Doc(spacy.blank("en").vocab, ["She", "reads"], tags=["PRP", "VBZ"])
    set_allowed_labels(doc, {"pos": [{"PRON", "DET"}, ()]})
    DocBin(docs=[doc] * 10, store_user_data=True).to_disk(tmp_path / "new.spacy")
    data = ["--dev", tmp_path / "new.spacy", "--base", "en_fast"]
    run_spacy("lstm-tagger", "train", tmp_path / "new.spacy", tmp_path / "out", *data, *STEPS)
    (read, *_) = read_docs(tmp_path / "out" / "corpus" / "train", spacy.blank("en").vocab)
    assert [token.pos_ for token in read] == ["", "VERB"]


def test_raw_text_is_rehearsed_by_its_lines(run_spacy, tmp_path):
    (tmp_path / "raw.txt").write_text("She reads old books. It rains.\n\n" * 20)
    data = ["--dev", REVIEWS["dev"], "--base", "en_fast", "--rehearse", tmp_path / "raw.txt"]
    done = run_spacy("lstm-tagger", "train", REVIEWS["train"], tmp_path / "out", *data, *STEPS)
    assert "18 of 18 texts, 144 words, as the tagger labels them" in flat(done.stdout)
    assert "old data, after" in done.stdout


def test_a_changed_tag_set_is_warned_of_and_not_rehearsed_if_wanted(run_spacy, tmp_path):
    (tmp_path / "new.txt").write_text("She/PP reads/VVZ books/NNS ./SENT\n" * 10)
    train = ["lstm-tagger", "train", tmp_path / "new.txt", tmp_path / "out", "--dev", tmp_path / "new.txt", "--force"]
    done = run_spacy(*train, "--base", "en_fast", "--rehearse", SAMPLE, *STEPS)
    assert "XPOS: 30 of 40 words have labels that the base lacks: PP, SENT, VVZ" in flat(done.stdout)
    done = run_spacy(*train, "--base", "en_fast", "--rehearse", SAMPLE, "--forget", "tag", *MORE_STEPS)
    assert "that the base lacks" not in done.stdout
    labelled = list(read_docs(tmp_path / "out" / "corpus" / "train" / "labelled.spacy", spacy.blank("en").vocab))
    assert all(set(find_soft_labels(doc)) == {"pos", "morph"} for doc in labelled)
    assert not any(token.tag_ for doc in labelled for token in doc)
    assert [token.tag_ for token in spacy.load(tmp_path / "out" / "model-best")("She reads books.")][1] == "VVZ"


def test_raw_text_is_labelled_by_a_first_tagger(run_spacy, tmp_path):
    (tmp_path / "raw.txt").write_text("She reads old books. It rains.\n" * 20)
    data = ["--dev", SAMPLE, "--raw", tmp_path / "raw.txt"]
    run_spacy("lstm-tagger", "train", SAMPLE, tmp_path / "out", *data, *STEPS)
    (doc, *_) = read_docs(tmp_path / "out" / "corpus" / "train" / "labelled.spacy", spacy.blank("en").vocab)
    assert doc.text == "She reads old books. It rains." and set(find_soft_labels(doc)) == {"tag", "pos", "morph"}
    first, second = (spacy.load(tmp_path / "out" / part / "model-best") for part in ("first", ""))
    assert "reads" not in first.get_pipe("lstm_tagger").vocabulary
    assert "reads" in second.get_pipe("lstm_tagger").vocabulary


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rehearse", SAMPLE], "Name one with --base."),
        (["--raw", SAMPLE, "--base", "en_fast"], "with --rehearse, and not with --raw"),
        (["--base", "en_fast", "--rehearse", ROOT / "corpus" / "tutorial.json"], "has 2 texts to rehearse"),
        (["--base", "nothing"], "nothing"),
        (["--base", "en_fast", "--forget", "xpos"], "--forget xpos: there is no such layer"),
    ],
)
def test_options_that_do_not_go_together_are_errors(run_spacy, tmp_path, options, message):
    done = run_spacy("lstm-tagger", "train", SAMPLE, tmp_path / "out", *options, *STEPS, check=False)
    assert done.returncode == 1 and message in flat(done.stderr)
    assert not (tmp_path / "out").exists()
