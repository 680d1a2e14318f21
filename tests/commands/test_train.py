import hashlib
import json
import shutil

import pytest
import spacy
import srsly
import torch
from spacy.tokens import DocBin

from spacy_lstm_tagger.formats.treebank import read_docs

from ..conftest import ROOT, SENTENCES

FEW_STEPS = ["--training.max_steps=4", "--training.eval_frequency=2"]
SAMPLE = ROOT / "corpus" / "en_sample-dev.conllu"


def train(run_spacy, *arguments, **kwargs):
    return run_spacy("lstm-tagger", "train", *arguments, *FEW_STEPS, **kwargs)


def write(path, form, times=1, layer="tags"):
    """Write SENTENCES in one of the forms, a number of times."""
    pairs = [[sentence["words"], sentence[layer]] for sentence in SENTENCES] * times
    texts = {
        "tsv": "\n\n".join("\n".join(f"{w}\t{t}" for w, t in zip(*pair)) for pair in pairs),
        "text": "\n".join(" ".join(f"{w}/{t}" for w, t in zip(*pair)) for pair in pairs),
        "json": json.dumps(pairs),
        "jsonl": "\n".join(map(json.dumps, pairs)),
    }
    if form == "spacy":
        path.with_name("source.tsv").write_text(texts["tsv"])
        DocBin(docs=read_docs(path.with_name("source.tsv"), spacy.blank("en").vocab)).to_disk(path)
    else:
        path.write_text(texts[form])
    return path


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    """Plots take longer than training does here."""
    monkeypatch.setattr("spacy_lstm_tagger.evaluation.figures.find_spec", lambda name: None)


@pytest.mark.parametrize("form", ["tsv", "text", "json", "jsonl", "spacy"])
def test_trains_on_each_form(run_spacy, tmp_path, form):
    data = write(tmp_path / "data", form)
    train(run_spacy, data, tmp_path / "out", "--dev", data)
    nlp = spacy.load(tmp_path / "out" / "model-best")
    assert nlp.get_pipe("lstm_tagger").labels == (".", "DT", "NN", "NNS", "UH", "VB", "VBD", "VBZ")


def test_holds_out_a_tenth_and_says_so(run_spacy, tmp_path):
    done = train(run_spacy, SAMPLE, tmp_path / "out")
    vocab = spacy.blank("en").vocab
    sentences = [doc.text for doc in read_docs(SAMPLE, vocab)]
    dev, kept = (
        [doc.text for doc in read_docs(tmp_path / "out" / "corpus" / f, vocab)] for f in ("dev.spacy", "train.spacy")
    )
    assert len(dev) == round(len(sentences) / 10)
    assert sorted(dev + kept) == sorted(sentences)
    assert f"Holding out {len(dev)} of {len(sentences)} sentences" in " ".join(done.stdout.split())


def test_holds_out_sentences_of_a_form_that_is_named(run_spacy, tmp_path):
    data = write(tmp_path / "data", "tsv", times=3)
    train(run_spacy, data, tmp_path / "out", "--format", "tsv")
    assert (tmp_path / "out" / "model-best").exists()


def test_few_sentences_are_scored_on_themselves_with_a_warning(run_spacy, tmp_path):
    data = ROOT / "corpus" / "tutorial.json"
    done = run_spacy("lstm-tagger", "train", data, tmp_path / "out", "--config", "tutorial")
    assert "2 sentences are too few to hold some out" in " ".join(done.stdout.split())
    nlp = spacy.load(tmp_path / "out" / "model-best")
    learned = [[token.tag_ for token in nlp(text)] for text, _ in srsly.read_json(data)]
    assert learned == [tags for _, tags in srsly.read_json(data)]


def test_says_where_the_best_pipeline_is_and_how_good(run_spacy, tmp_path):
    done = train(run_spacy, SAMPLE, tmp_path / "out", "--dev", SAMPLE)
    last = done.stdout[done.stdout.rindex("The best pipeline is") :]
    assert str(tmp_path / "out" / "model-best") in last
    assert all(name in last for name in ("UPOS", "XPOS", "FEATS"))
    assert "\r" not in done.stdout + done.stderr  # no progress bar where there is no terminal


def test_layers_that_the_data_lacks_have_no_score_in_the_pipeline(run_spacy, tmp_path):
    data = tmp_path / "data.tsv"
    data.write_text("The\tDT\ndog\tNN\n\n" * 20)
    train(run_spacy, data, tmp_path / "out", "--dev", data)
    performance = srsly.read_json(tmp_path / "out" / "model-best" / "meta.json")["performance"]
    assert {name for name in performance if not name.endswith("_loss")} == {"tag_acc", "raw_tag_f", "raw_sents_f"}


@pytest.mark.parametrize("config", ["fast", "tutorial"])
def test_leaves_a_log_and_a_report_of_the_last_run(run_spacy, tmp_path, config):
    data = ROOT / "corpus" / "tutorial.json"
    arguments = [data, tmp_path / "out", "--dev", data, "--config", config, "--training.eval_frequency=1"]
    for n_steps in (1, 2):  # the second run replaces what the first one left
        run_spacy("lstm-tagger", "train", *arguments, f"--training.max_steps={n_steps}", "--force")
        log = list(srsly.read_jsonl(tmp_path / "out" / "training-log.jsonl"))
        assert [row["step"] for row in log] == list(range(n_steps + 1))
    report = (tmp_path / "out" / "report.html").read_text("utf8")
    assert "Learning curve" in report and f"{data}, 2 sentences, 9 words" in report


def test_report_of_held_out_sentences(run_spacy, tmp_path):
    train(run_spacy, write(tmp_path / "data", "tsv", times=3), tmp_path / "out")
    assert "dev.spacy, 1 sentences" in (tmp_path / "out" / "report.html").read_text("utf8")


def test_says_how_the_report_would_have_plots(run_spacy, tmp_path):
    data = write(tmp_path / "data", "tsv")
    done = train(run_spacy, data, tmp_path / "out", "--dev", data)
    assert "matplotlib is not installed" in done.stdout and "pip install matplotlib" in done.stdout


def test_report_that_fails_leaves_training_a_success(run_spacy, tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise OSError("the disk is full")

    monkeypatch.setattr("spacy_lstm_tagger.commands.evaluate.write_report", fail)
    data = write(tmp_path / "data", "tsv")
    done = train(run_spacy, data, tmp_path / "out", "--dev", data)
    assert "There is no report." in done.stdout and "the disk is full" in done.stdout
    assert "The best pipeline is" in done.stdout


@pytest.mark.parametrize("n_threads", [1, 2])
def test_same_seed_gives_the_same_weights(run_spacy, tmp_path, n_threads):
    torch.set_num_threads(n_threads)
    weights = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(run_spacy, SAMPLE, tmp_path / name, "--dev", SAMPLE, "--seed", seed)
        data = (tmp_path / name / "model-last" / "lstm_tagger" / "model.safetensors").read_bytes()
        weights.append(hashlib.sha256(data).hexdigest())
    assert weights[0] == weights[1] != weights[2]


def test_overrides_and_language_reach_the_config(run_spacy, tmp_path):
    arguments = [
        "--lang",
        "de",
        "--components.lstm_tagger.model.hidden_width=8",
        "--components.lstm_tagger.model.depth=1",
    ]
    train(run_spacy, SAMPLE, tmp_path / "out", "--dev", SAMPLE, *arguments)
    nlp = spacy.load(tmp_path / "out" / "model-best")
    assert nlp.lang == "de"
    assert nlp.config["components"]["lstm_tagger"]["model"]["hidden_width"] == 8


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is empty"),
        (b"The dog\nran\n", "in none of the formats"),
        (b"1\tThe\t_\tDET\tDT\n", "line 1: CoNLL-U has 10 columns separated by tabs, not 5"),
        (b'[[["The", "dog"], ["DT"]]]', "sentence 1: 2 words but 1 tags"),
        (b"caf\xe9/NN\n", "is not UTF-8: byte 3"),
        (b"1\tThe\t_\t_\t_\t_\t_\t_\t_\t_\n\n", "has no annotation to learn"),
    ],
)
def test_bad_data_is_named_and_nothing_is_written(run_spacy, tmp_path, content, message):
    data = tmp_path / "data.txt"
    data.write_bytes(content)
    done = train(run_spacy, data, tmp_path / "out", check=False)
    assert done.returncode == 1
    assert message in done.stderr and str(data) in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "option, message",
    [
        (["--training.max_step", 10], "There is no setting training.max_step; did you mean max_steps?"),
        (["--lang", "xx_nope"], "xx_nope"),
        (["--gpu-id", 99], "99"),
        (["--training.dropout", "a lot"], "dropout\t"),
        (
            ["--components.lstm_tagger.model.dept", 2],
            "no setting components.lstm_tagger.model.dept; did you mean depth?",
        ),
    ],
)
def test_wrong_settings_are_named_before_data_is_read(run_spacy, tmp_path, option, message):
    data = tmp_path / "data.txt"
    data.write_bytes(b"caf\xe9/NN\n")
    done = train(run_spacy, data, tmp_path / "out", *option, check=False)
    assert done.returncode == 1
    assert message in done.stderr + done.stdout
    assert "Traceback" not in done.stderr and "UTF-8" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_misspelt_setting_of_a_config_is_named(run_spacy, tmp_path):
    config = (ROOT / "configs" / "fast.cfg").read_text("utf8").replace("patience =", "patiense =")
    (tmp_path / "my.cfg").write_text(config)
    done = train(run_spacy, SAMPLE, tmp_path / "out", "--config", tmp_path / "my.cfg", check=False)
    assert done.returncode == 1
    # With the lowest version of spaCy it is spaCy's own error that names it.
    ours, spacys = "There is no setting training.patiense; did you mean patience?", "training -> patiense"
    assert ours in done.stderr or spacys in done.stdout


def read_all(directory):
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.mark.parametrize("option", [[], ["--force", "--lang", "xx_nope"], ["--force", "--training.max_step", 1]])
def test_trained_pipeline_is_kept_whole(run_spacy, tmp_path, option):
    data = write(tmp_path / "data", "tsv")
    train(run_spacy, data, tmp_path / "out", "--dev", data)
    before = read_all(tmp_path / "out")
    done = train(run_spacy, data, tmp_path / "out", "--dev", data, *option, check=False)
    assert done.returncode == 1
    assert read_all(tmp_path / "out") == before


def test_trained_pipeline_is_replaced_only_by_force(run_spacy, tmp_path):
    data = write(tmp_path / "data", "tsv")
    train(run_spacy, data, tmp_path / "out", "--dev", data)
    done = train(run_spacy, data, tmp_path / "out", "--dev", data, "--seed", 1, check=False)
    assert "model-best is there already" in done.stderr and "--force" in done.stderr
    train(run_spacy, data, tmp_path / "out", "--dev", data, "--seed", 1, "--force")
    assert spacy.load(tmp_path / "out" / "model-best").config["system"]["seed"] == 1


def test_treebank_directory_has_its_parts(run_spacy, tmp_path):
    treebank = tmp_path / "UD_English-Sample"
    treebank.mkdir()
    shutil.copy(SAMPLE, treebank / "en_sample-ud-train.conllu")
    shutil.copy(SAMPLE, treebank / "en_sample-ud-dev.conllu")
    (treebank / "en_sample-ud-test.conllu").write_text("no CoNLL-U")
    (treebank / "LICENSE.txt").write_text("You may read this.")
    done = train(run_spacy, treebank, tmp_path / "out")
    assert "en_sample-ud-dev.conllu" in done.stdout and "LICENSE" not in done.stdout
    paths = spacy.load(tmp_path / "out" / "model-best").config["paths"]
    assert paths["train"].endswith("-ud-train.conllu") and paths["dev"].endswith("-ud-dev.conllu")


@pytest.mark.parametrize("form", ["json", "tsv", "text"])
def test_tags_that_are_upos_tags_set_pos(run_spacy, tmp_path, form):
    data = write(tmp_path / "data", form, layer="pos")
    train(run_spacy, data, tmp_path / "out", "--dev", data)
    doc = spacy.load(tmp_path / "out" / "model-best")("The dog ate the apples .")
    assert [token.pos_ for token in doc] == [token.tag_ for token in doc]
    assert all(token.pos_ for token in doc)


def test_tags_alone_name_the_tag_map(run_spacy, tmp_path):
    data = write(tmp_path / "data", "tsv")
    done = train(run_spacy, data, tmp_path / "out", "--dev", data)
    assert "--components.lstm_tagger.tag_map FILE" in done.stdout
    (tmp_path / "map.json").write_text(json.dumps({tag: "X" for s in SENTENCES for tag in s["tags"]}))
    option = ["--components.lstm_tagger.tag_map", tmp_path / "map.json", "--force"]
    done = train(run_spacy, data, tmp_path / "out", "--dev", data, *option)
    assert "token.pos_ will be empty" not in done.stdout
    assert spacy.load(tmp_path / "out" / "model-best")("dog")[0].pos_ == "X"


def test_unknown_config_lists_those_that_ship(run_spacy, tmp_path):
    done = train(run_spacy, SAMPLE, tmp_path / "out", "--dev", SAMPLE, "--config", "quick", check=False)
    assert done.returncode == 1
    assert "no config 'quick'. Use accurate, adapt, fast, tutorial" in done.stderr


def test_unknown_option_is_a_wrong_use(run_spacy, tmp_path):
    done = train(run_spacy, SAMPLE, tmp_path / "out", "--epochs", 3, check=False)
    assert done.returncode == 2 and "'--epochs'" in done.stderr and "--section.key" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_nan_in_the_loss_ends_training_with_spacys_error(run_spacy, tmp_path):
    done = train(
        run_spacy,
        SAMPLE,
        tmp_path / "out",
        "--dev",
        SAMPLE,
        "--training.optimizer.learn_rate.initial_rate=1e30",
        check=False,
    )
    assert done.returncode == 1
    assert "E910" in done.stderr
    assert "Traceback" not in done.stderr


def test_gpu_that_is_not_there_is_named(run_spacy, tmp_path):
    done = train(run_spacy, SAMPLE, tmp_path / "out", "--dev", SAMPLE, "--gpu-id", 99, check=False)
    assert done.returncode == 1
    assert "99" in done.stderr and "Traceback" not in done.stderr


def test_gpu_without_cupy_is_set_in_the_config(run_spacy, tmp_path, monkeypatch):
    """On a machine without that GPU it falls back to the CPU, and so does the trained pipeline."""
    monkeypatch.setattr("spacy_lstm_tagger.commands.train.has_torch_cuda_gpu", True)
    monkeypatch.setattr("spacy_lstm_tagger.commands.train.has_cupy_gpu", False)
    with pytest.warns(UserWarning, match="no device 'cuda:99' here"):
        train(run_spacy, SAMPLE, tmp_path / "out", "--dev", SAMPLE, "--gpu-id", 99)
    with pytest.warns(UserWarning, match="no device 'cuda:99' here"):
        nlp = spacy.load(tmp_path / "out" / "model-best")
    assert nlp.config["components"]["lstm_tagger"]["model"]["device"] == "cuda:99"
    assert nlp("Take two.")[0].tag_
