"""Training on the directory of a treebank."""

import pytest
import spacy
import srsly
from spacy.cli.info import info
from spacy.cli.package import generate_readme
from spacy.tokens import DocBin
from thinc.api import Config

from spacy_lstm_tagger.shipped import find_config

from ..conftest import ROOT
from .test_train import train

SENTENCES = (ROOT / "corpus" / "en_sample-train.conllu").read_text("utf8").split("\n\n")[:40]


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    """Plots take longer than training does here."""
    monkeypatch.setattr("spacy_lstm_tagger.evaluation.figures.find_spec", lambda name: None)


@pytest.fixture
def make_treebank(tmp_path):
    """Writes files with some sentences each into a treebank's directory."""

    def make(*names, directory="UD_English-Sample", license="CC BY-SA 4.0"):
        treebank = tmp_path / directory
        treebank.mkdir()
        for i, name in enumerate(names):
            (treebank / name).write_text("\n\n".join(SENTENCES[i :: len(names)]) + "\n\n", encoding="utf8")
        (treebank / "README.md").write_text(
            f"=== Machine-readable metadata\nLicense: {license}\nContributors: Doe, J\n"
        )
        return treebank

    return make


def test_card_has_language_licence_source_labels_and_scores(run_spacy, tmp_path, make_treebank):
    treebank = make_treebank("en_sample-ud-train.conllu", "en_sample-ud-dev.conllu")
    train(run_spacy, treebank, tmp_path / "out")
    best = tmp_path / "out" / "model-best"
    card = info(str(best))
    assert card["lang"] == "en" and card["license"] == "CC BY-SA 4.0"
    url = "https://github.com/UniversalDependencies/UD_English-Sample"
    source = {"name": "UD_English-Sample", "url": url, "license": "CC BY-SA 4.0", "author": "Doe, J"}
    assert card["sources"] == [source]
    assert card["description"] == "XPOS, UPOS, FEATS, LEMMA and sentences of English, learned from UD_English-Sample."
    shown = generate_readme(srsly.read_json(best / "meta.json"))
    for text in (
        url,
        "CC BY-SA 4.0",
        "`POS_ACC`",
        "`RAW_POS_F`",
        "| UPOS |",
        "`ADJ`",
        "Number=Plur,Sing",
        "edit trees",
    ):
        assert text in shown


def test_card_is_kept_when_the_pipeline_is_saved_again(run_spacy, tmp_path, make_treebank):
    train(run_spacy, make_treebank("en_sample-ud-train.conllu", "en_sample-ud-dev.conllu"), tmp_path / "out")
    spacy.load(tmp_path / "out" / "model-best").to_disk(tmp_path / "again")
    before, after = (
        srsly.read_json(path / "meta.json") for path in (tmp_path / "out" / "model-best", tmp_path / "again")
    )
    assert before == after


def test_train_part_in_several_files_is_learned_whole(run_spacy, tmp_path, make_treebank):
    names = ["en_sample-ud-train-a-1.conllu", "en_sample-ud-train-a-2.conllu", "en_sample-ud-dev.conllu"]
    train(run_spacy, make_treebank(*names), tmp_path / "out")
    vocab = spacy.blank("en").vocab
    docs = list(DocBin().from_disk(tmp_path / "out" / "corpus" / "train.spacy").get_docs(vocab))
    assert len(docs) == sum(len(SENTENCES[i::3]) for i in (0, 1))


def test_without_a_dev_part_a_tenth_of_train_is_held_out(run_spacy, tmp_path, make_treebank):
    treebank = make_treebank("en_sample-ud-train.conllu", "en_sample-ud-test.conllu")
    done = train(run_spacy, treebank, tmp_path / "out")
    assert "Holding out 2 of 20 sentences" in done.stdout


@pytest.mark.parametrize("part", ["test", "dev"])
def test_treebank_without_a_train_part_is_not_trained_on(run_spacy, tmp_path, make_treebank, part):
    done = train(run_spacy, make_treebank(f"en_sample-ud-{part}.conllu"), tmp_path / "out", check=False)
    assert f"has no train part, only: {part}" in done.stderr
    assert not (tmp_path / "out").exists()


def test_test_part_is_not_scored_unless_named(run_spacy, make_treebank):
    treebank = make_treebank("en_sample-ud-test.conllu")
    done = run_spacy("lstm-tagger", "evaluate", "en_fast", treebank, check=False)
    assert done.returncode == 1 and "has no dev part, only: test" in done.stderr
    run_spacy("lstm-tagger", "evaluate", "en_fast", treebank / "en_sample-ud-test.conllu")


@pytest.mark.parametrize(
    "prefix, lang, notice",
    [
        ("fr_sample", "fr", "language fr"),
        ("fra_sample", "fr", "language fr"),
        ("no_nynorsk", "nn", "language nn"),
        ("no_bokmaal", "nb", "language nb"),
        ("qhe_hiencs", "xx", "spaCy has no language 'qhe'"),
    ],
)
def test_language_is_that_of_the_files(run_spacy, tmp_path, make_treebank, prefix, lang, notice):
    treebank = make_treebank(f"{prefix}-ud-train.conllu", f"{prefix}-ud-dev.conllu", directory="data")
    done = train(run_spacy, treebank, tmp_path / "out")
    assert spacy.load(tmp_path / "out" / "model-best").lang == lang
    assert notice in done.stdout


@pytest.mark.parametrize("option", ["--lang", "--nlp.lang"])
def test_language_that_is_named_counts(run_spacy, tmp_path, make_treebank, option):
    treebank = make_treebank("fr_sample-ud-train.conllu", "fr_sample-ud-dev.conllu", directory="data")
    train(run_spacy, treebank, tmp_path / "out", option, "de")
    assert spacy.load(tmp_path / "out" / "model-best").lang == "de"


def test_config_of_ones_own_keeps_its_language_and_says_so(run_spacy, tmp_path, make_treebank):
    treebank = make_treebank("fr_sample-ud-train.conllu", "fr_sample-ud-dev.conllu", directory="data")
    run_spacy("lstm-tagger", "init-config", "fast", "--output", tmp_path / "own.cfg")
    done = train(run_spacy, treebank, tmp_path / "out", "--config", tmp_path / "own.cfg")
    assert "has the language fr" in done.stdout
    assert spacy.load(tmp_path / "out" / "model-best").lang == "en"


def test_language_whose_tokenizer_is_not_installed_gets_the_general_one(run_spacy, tmp_path, make_treebank):
    class Unusable(spacy.language.Language):
        lang = "qq"

        def __init__(self, *args, **kwargs):
            if kwargs.get("create_tokenizer") is None:
                raise ImportError("It needs a package.\nInstall it.")
            super().__init__(*args, **kwargs)

    spacy.registry.languages.register("qq", func=Unusable)
    treebank = make_treebank("qq_sample-ud-train.conllu", "qq_sample-ud-dev.conllu")
    done = train(run_spacy, treebank, tmp_path / "out")
    assert "The tokenizer of spaCy's 'qq' cannot be used: It needs a package." in done.stdout
    nlp = spacy.load(tmp_path / "out" / "model-best")
    assert nlp.lang == "qq" and [token.text for token in nlp("Yes!")] == ["Yes", "!"]


@pytest.mark.parametrize("lang, told", [("zh", "makes a token of each character"), ("xx", "splits at spaces")])
def test_language_whose_tokenizer_finds_no_words_gets_the_general_one(run_spacy, tmp_path, make_treebank, lang, told):
    treebank = make_treebank("en_sample-ud-train.conllu", "en_sample-ud-dev.conllu")
    done = train(run_spacy, treebank, tmp_path / "out", "--lang", lang)
    assert f"The tokenizer of spaCy's '{lang}' {told}" in " ".join(done.stdout.split())
    nlp = spacy.load(tmp_path / "out" / "model-best")
    assert nlp.config["nlp"]["tokenizer"] == {"@tokenizers": "spacy-lstm-tagger.JoiningTokenizer.v1"}


def test_tokenizer_learns_unless_another_is_configured(run_spacy, tmp_path, make_treebank):
    treebank = make_treebank("en_sample-ud-train.conllu", "en_sample-ud-dev.conllu")
    with (treebank / "en_sample-ud-train.conllu").open("a", encoding="utf8") as file:
        file.write("1\te-mail\te-mail\tNOUN\tNN\t_\t_\t_\t_\tSpaceAfter=No\n2\t.\t.\tPUNCT\t.\t_\t_\t_\t_\t_\n\n")
    done = train(run_spacy, treebank, tmp_path / "out")
    assert "learns exceptions to them from the training data" in " ".join(done.stdout.split())
    own = Config().from_str(find_config("fast").read_text("utf8"), interpolate=False)
    own["nlp"]["tokenizer"] = {"@tokenizers": "spacy.Tokenizer.v1"}
    own.to_disk(tmp_path / "own.cfg")
    train(run_spacy, treebank, tmp_path / "own", "--config", tmp_path / "own.cfg")
    base = tmp_path / "own" / "model-best"
    train(run_spacy, treebank, tmp_path / "further", "--base", base)
    for output, expected in (("out", ["e-mail"]), ("own", ["e", "-", "mail"]), ("further", ["e", "-", "mail"])):
        nlp = spacy.load(tmp_path / output / "model-best")
        assert [token.text for token in nlp("e-mail")] == expected


@pytest.mark.parametrize("license, notice", [("CC BY-NC-SA 3.0", "non-commercial use"), ("", "names no licence")])
def test_licence_that_limits_use_is_told(run_spacy, tmp_path, make_treebank, license, notice):
    treebank = make_treebank("en_sample-ud-train.conllu", "en_sample-ud-dev.conllu", license=license)
    done = train(run_spacy, treebank, tmp_path / "out")
    assert notice in " ".join(done.stdout.split())
    assert srsly.read_json(tmp_path / "out" / "model-best" / "meta.json")["license"] == license
