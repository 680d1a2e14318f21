"""The tutorial behind this project, from its two sentences to the saved model."""

import re
import shlex
import shutil

import numpy
import pytest
import spacy
from spacy.training.initialize import init_nlp

from spacy_lstm_tagger.explain.explanation import explain
from spacy_lstm_tagger.explain.recurrence import QUANTITIES
from spacy_lstm_tagger.formats.treebank import read_docs

from ..conftest import ROOT
from ..pages import PAGES, shell_commands

CORPUS = ROOT / "corpus" / "tutorial.json"
TAGS = ["Determiner", "Noun", "Verb", "Determiner", "Noun", "Noun", "Verb", "Determiner", "Noun"]
UPOS = ["DET", "NOUN", "VERB", "DET", "NOUN", "NOUN", "VERB", "DET", "NOUN"]
NAMES = ["Determiner", "Noun", "Verb"]


@pytest.fixture(scope="module")
def output(run, tmp_path_factory):
    """What the command printed, and where the model is."""
    path = tmp_path_factory.mktemp("tutorial") / "model"
    done = run("-m", "spacy", "lstm-tagger", "train", CORPUS, path, "--dev", CORPUS, "--config", "tutorial")
    return done.stdout, path / "model-best"


@pytest.fixture
def nlp(output):
    return spacy.load(output[1])


def read_table(text, title):
    """The probabilities of a printed table, a list a word."""
    table = text.split(title)[1].split("\n\n")[1:]
    lines = "\n".join(table).splitlines()
    rows = [re.findall(r"\d\.\d+", line) for line in lines]
    return [[float(p) for p in row] for row in rows if len(row) == len(NAMES)][:9]


def test_probabilities_before_training_are_near_a_third_each(output):
    rows = read_table(output[0], "Probabilities before training")
    assert len(rows) == 9
    assert all(0.2 < p < 0.47 for row in rows for p in row)


def test_probabilities_after_training_are_above_09_for_the_right_tags(output):
    rows = read_table(output[0], "Probabilities after training")
    assert len(rows) == 9
    assert all(row[NAMES.index(tag)] > 0.9 for row, tag in zip(rows, TAGS))


def test_network_is_the_textbook_one(nlp):
    network = nlp.get_pipe("lstm_tagger").model.shims[0].module
    assert {name: tuple(weights.shape) for name, weights in network.named_parameters()} == {
        "encoder.word.weight": (9, 6),
        "members.0.layers.0.rightwards.weight_ih_l0": (24, 6),
        "members.0.layers.0.rightwards.weight_hh_l0": (24, 6),
        "members.0.layers.0.rightwards.bias_ih_l0": (24,),
        "members.0.layers.0.rightwards.bias_hh_l0": (24,),
        "members.0.heads.tag.weight": (3, 6),
        "members.0.heads.tag.bias": (3,),
    }


def test_vocabulary_is_eight_words_and_three_tags(nlp):
    tagger = nlp.get_pipe("lstm_tagger")
    assert len(tagger.vocabulary) == 8
    assert tagger.labels == tuple(NAMES)
    for word in ("The", "the", "DOG", "ate", "apple.", "Everybody", "read", "that", "book!"):
        assert word in tagger.vocabulary
    assert ".book" not in tagger.vocabulary


def test_loaded_model_tags_the_sentences_in_a_new_process(output, run):
    code = "import spacy, sys; nlp = spacy.load(sys.argv[1]); print(*[t.tag_ for s in sys.argv[2:] for t in nlp(s)])"
    done = run("-c", code, output[1], "The dog ate the apple.", "Everybody read that book.")
    assert done.stdout.split() == TAGS


def test_saved_model_gives_the_printed_probabilities(output, nlp):
    printed = read_table(output[0], "Probabilities after training")
    docs = list(read_docs(CORPUS, nlp.vocab))
    loaded = [row for p in nlp.get_pipe("lstm_tagger").predict_proba(docs) for row in p["tag"].tolist()]
    assert loaded == [pytest.approx(row, abs=5e-4) for row in printed]


def test_tag_map_gives_upos(nlp):
    docs = [nlp(text) for text in ("The dog ate the apple.", "Everybody read that book.")]
    assert [token.pos_ for doc in docs for token in doc] == UPOS


def test_word_never_seen_is_tagged(nlp):
    assert all(token.tag_ in NAMES for token in nlp("The zebra swallowed 17 books!"))


PAGE = PAGES["docs/explain.md"].split("## See inside the LSTM")[1].split("\n## ")[0]
# The page's digits, and what another processor or version of torch may change in 300 epochs.
NEAR = 0.03
FORGETFUL = "The cat saw that film."


def rows_of_page(*names):
    """The numbers in rows of the page's tables."""
    rows = []
    for name in names:
        (row,) = re.findall(rf"^\| {re.escape(name)}(?:,[^|]*)? \|(.*)\|$", PAGE, flags=re.MULTILINE)
        rows.append([float(number) for number in re.findall(r"-?\d+\.\d+", row)])
    return numpy.asarray(rows)


@pytest.fixture(scope="module")
def explained(run, tmp_path_factory):
    """What the page's network that forgets words makes of the page's sentence."""
    (command,) = [command for command in shell_commands(PAGE) if " train " in command]
    directory = tmp_path_factory.mktemp("memory")
    shutil.copytree(ROOT / "corpus", directory / "corpus")
    run(*shlex.split(command)[1:], cwd=directory)
    assert any(f'explain "{FORGETFUL}"' in command for command in shell_commands(PAGE))
    nlp = spacy.load(directory / "models" / "memory" / "model-best")
    nlp.config["paths"].update(train=str(CORPUS), dev=str(CORPUS))
    return explain(nlp, FORGETFUL, before=init_nlp(nlp.config))


def test_page_tells_the_probabilities_before_and_after(explained):
    numbers = rows_of_page(*NAMES).reshape(len(NAMES), 5, 2)
    numpy.testing.assert_allclose(numbers[..., 0], explained.before["tag"].T, atol=NEAR)
    numpy.testing.assert_allclose(numbers[..., 1], explained.probabilities["tag"].T, atol=NEAR)
    assert explained.chosen["tag"] == ["Determiner", "Noun", "Verb", "Determiner", "Noun"]


def test_page_tells_the_gates_of_a_unit(explained):
    shown = rows_of_page(*explained.words)
    order = [QUANTITIES.index(name) for name in ("forget", "input", "candidate", "cell", "output", "hidden")]
    numpy.testing.assert_allclose(shown, explained.states[0, 0, 0, order, :, 4].T, atol=NEAR)


def test_unknown_words_are_one_input_and_the_noun_before_makes_the_verb(explained):
    cat, saw, film = explained.vectors[0, [1, 2, 4]]
    numpy.testing.assert_array_equal(cat, saw)
    numpy.testing.assert_array_equal(saw, film)
    (fall,) = re.findall(r"log-probability falls by (\d\.\d)", PAGE)
    assert explained.left_out["tag"][1, 2] == pytest.approx(-float(fall), abs=0.3)


def test_page_works_an_equation_rightly():
    (lines,) = re.findall(r"^c = .*\nh = .*$", PAGE, flags=re.MULTILINE)
    f, before, i, g, kept, written, c, o, tanh, h = map(float, re.findall(r"-?\d\.\d\d", lines))
    rows = rows_of_page("cat", "saw")
    assert [f, i, g, c, o, h] == rows[1].tolist() and before == rows[0][3]
    assert f * before == pytest.approx(kept, abs=0.006) and i * g == pytest.approx(written, abs=0.006)
    assert kept + written == pytest.approx(c, abs=0.011)
    assert numpy.tanh(c) == pytest.approx(tanh, abs=0.006) and o * tanh == pytest.approx(h, abs=0.011)
