import json
import os
import pickletools
import shutil

import pytest
import spacy
import srsly
import torch
from safetensors.torch import load

from spacy_lstm_tagger.model.shim import get_network
from spacy_lstm_tagger.network.lstm_tagger import fold
from spacy_lstm_tagger.pipeline import storage

from ..conftest import SMALL_MODEL, TEXTS, make_examples, make_pipeline

FILES = {"cfg", "vocabulary.msgpack", "model.safetensors"}

TAG_AND_DUMP = """
import json, sys, spacy
nlp = spacy.load(sys.argv[1])
tagger = nlp.get_pipe("lstm_tagger")
docs = [nlp(text) for text in json.loads(sys.argv[2])]
labels = [[[t.tag_, t.pos_, str(t.morph)] for t in doc] for doc in docs]
proba = [{head: rows.tobytes().hex() for head, rows in p.items()} for p in tagger.predict_proba(docs)]
print(json.dumps([tagger.label_data, labels, proba]))
"""


def summary(nlp):
    """Labels and the bits of all probabilities."""
    tagger = nlp.get_pipe("lstm_tagger")
    docs = [nlp(text) for text in TEXTS]
    labels = [[[token.tag_, token.pos_, str(token.morph)] for token in doc] for doc in docs]
    probabilities = [{head: rows.tobytes().hex() for head, rows in p.items()} for p in tagger.predict_proba(docs)]
    return [tagger.label_data, labels, probabilities]


def test_fresh_process_gives_the_same_bits(trained, trained_path, run):
    done = run("-c", TAG_AND_DUMP, trained_path, json.dumps(TEXTS), cwd=trained_path.parent)
    assert json.loads(done.stdout) == summary(trained)


def test_loading_and_tagging_import_no_compiler(trained_path, run):
    """Some uses of torch import its compiler, which takes two seconds."""
    code = "import spacy, sys; spacy.load(sys.argv[1])('A dog.'); print('torch._dynamo' in sys.modules)"
    assert run("-c", code, trained_path, cwd=trained_path.parent).stdout.split() == ["False"]


@pytest.mark.parametrize("whole_pipeline", [True, False])
def test_bytes_give_the_same_bits(trained, whole_pipeline):
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("lstm_tagger")  # of other sizes: those of the saved model count
    if whole_pipeline:
        nlp.from_bytes(trained.to_bytes())
    else:
        tagger.from_bytes(trained.get_pipe("lstm_tagger").to_bytes())
    assert summary(nlp) == summary(trained)


def test_saving_what_was_loaded_gives_the_same_files(trained_path, tmp_path):
    spacy.load(trained_path).get_pipe("lstm_tagger").to_disk(tmp_path / "again", exclude=["vocab"])
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (trained_path / "lstm_tagger" / name).read_bytes()


def test_files_are_those_of_the_contract(trained_path):
    assert set(os.listdir(trained_path / "lstm_tagger")) == FILES
    cfg = srsly.read_json(trained_path / "lstm_tagger" / "cfg")
    assert cfg["format"] == storage.FORMAT
    assert cfg["network"]["hidden_width"] == 8
    assert cfg["labels"]["pos"] == ["DET", "INTJ", "NOUN", "PRON", "PUNCT", "VERB"]


def test_weights_take_two_bytes_each(trained, trained_path):
    weights = load((trained_path / "lstm_tagger" / "model.safetensors").read_bytes())
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}
    network = fold(get_network(trained.get_pipe("lstm_tagger").model))
    assert {name: tuple(p.shape) for name, p in network.named_parameters()} == {
        name: tuple(tensor.shape) for name, tensor in weights.items()
    }


def test_no_file_is_a_pickle(trained_path):
    for name in FILES:
        data = (trained_path / "lstm_tagger" / name).read_bytes()
        with pytest.raises((ValueError, IndexError)):
            list(pickletools.genops(data))


def test_vocabulary_holds_no_text(trained_path):
    data = (trained_path / "lstm_tagger" / "vocabulary.msgpack").read_bytes()
    assert not any(word in data for word in (b"dog", b"apples", b"everybody"))


def test_component_that_was_never_initialized_is_stored(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger").add_label("N")
    nlp.to_disk(tmp_path / "blank")
    assert spacy.load(tmp_path / "blank").get_pipe("lstm_tagger").labels == ("N",)


def test_training_goes_on_after_loading(trained_path):
    nlp = spacy.load(trained_path)
    optimizer = nlp.resume_training()
    before = summary(nlp)
    nlp.update(make_examples(nlp), sgd=optimizer)
    assert summary(nlp) != before


@pytest.mark.parametrize("name", ["cfg", "vocab", "vocabulary", "model"])
def test_exclude(trained, tmp_path, name):
    tagger = trained.get_pipe("lstm_tagger")
    tagger.to_disk(tmp_path / "part", exclude=[name])
    assert {file.split(".")[0] for file in os.listdir(tmp_path / "part")} == {
        "cfg",
        "vocab",
        "vocabulary",
        "model",
    } - {name}
    other = make_pipeline().get_pipe("lstm_tagger")
    labels = tagger.label_data
    other.from_disk(tmp_path / "part", exclude=[name])
    other.from_bytes(tagger.to_bytes(exclude=[name]), exclude=[name])
    assert other.label_data == labels


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "other"])
def test_damaged_model_is_named_and_the_component_stays_as_it_was(trained, trained_path, tmp_path, name, damage):
    path = tmp_path / "model"
    shutil.copytree(trained_path / "lstm_tagger", path)
    whole = (path / name).read_bytes()
    if damage == "missing":
        (path / name).unlink()
    else:
        (path / name).write_bytes({"empty": b"", "truncated": whole[: len(whole) // 2], "other": b"[1, 2]"}[damage])
    nlp = make_pipeline(steps=2)
    before = summary(nlp)
    with pytest.raises((ValueError, FileNotFoundError), match=name.replace(".", r"\.")) as error:
        nlp.get_pipe("lstm_tagger").from_disk(path, exclude=["vocab"])
    assert str(path) in str(error.value)
    assert summary(nlp) == before


def test_weights_of_another_network_are_refused(trained_path, tmp_path):
    path = tmp_path / "model"
    shutil.copytree(trained_path / "lstm_tagger", path)
    other = make_pipeline(model={**SMALL_MODEL, "hidden_width": 9})
    other.get_pipe("lstm_tagger").to_disk(tmp_path / "other", exclude=["vocab"])
    shutil.copy(tmp_path / "other" / "model.safetensors", path)
    with pytest.raises(ValueError, match=r"'model\.safetensors' is damaged, or does not belong"):
        spacy.blank("en").add_pipe("lstm_tagger").from_disk(path, exclude=["vocab"])


@pytest.mark.parametrize("number", [0, storage.FORMAT + 1, 99])
def test_other_format_number_is_refused(trained_path, tmp_path, number):
    path = tmp_path / "model"
    shutil.copytree(trained_path / "lstm_tagger", path)
    srsly.write_json(path / "cfg", {**srsly.read_json(path / "cfg"), "format": number})
    with pytest.raises(ValueError, match=f"format {number}, but this version of spacy-lstm-tagger reads"):
        spacy.blank("en").add_pipe("lstm_tagger").from_disk(path, exclude=["vocab"])


class Killed(BaseException):
    pass


def directories(path):
    return sorted(p.name for p in path.iterdir())


@pytest.mark.parametrize("step", range(6))
def test_killed_save_leaves_a_whole_model(trained, trained_path, tmp_path, monkeypatch, step):
    """Stop at each step of a save that changes the disk: the old model loads, or the new one where it is in place."""
    path = tmp_path / "lstm_tagger"
    old = make_pipeline()
    old.get_pipe("lstm_tagger").to_disk(path, exclude=["vocab"])
    steps = iter(range(6))

    def killed_at(function):
        def wrapped(*args, **kwargs):
            if next(steps, None) == step:
                raise Killed
            return function(*args, **kwargs)

        return wrapped

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_bytes", killed_at(storage.Path.write_bytes))
        patch.setattr("pathlib.Path.rename", killed_at(storage.Path.rename))
        # A killed process cleans nothing up.
        rmtree = killed_at(shutil.rmtree)
        patch.setattr("shutil.rmtree", lambda path, *args: None if path.name.endswith(".new") else rmtree(path, *args))
        with pytest.raises(Killed):
            trained.get_pipe("lstm_tagger").to_disk(path, exclude=["vocab"])
    loaded = spacy.blank("en")
    loaded.add_pipe("lstm_tagger").from_disk(path, exclude=["vocab"])
    assert summary(loaded) == summary(trained if step == 5 else old)

    trained.get_pipe("lstm_tagger").to_disk(path, exclude=["vocab"])
    assert directories(tmp_path) == ["lstm_tagger"]


def test_failed_save_leaves_nothing_new(trained, tmp_path, monkeypatch):
    path = tmp_path / "lstm_tagger"
    make_pipeline().get_pipe("lstm_tagger").to_disk(path, exclude=["vocab"])
    before = {name: (path / name).read_bytes() for name in FILES}

    def disk_full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_bytes", disk_full)
        with pytest.raises(OSError, match="No space left"):
            trained.get_pipe("lstm_tagger").to_disk(path, exclude=["vocab"])
    assert directories(tmp_path) == ["lstm_tagger"]
    assert {name: (path / name).read_bytes() for name in FILES} == before


def test_saving_keeps_other_files_of_the_directory(trained, tmp_path):
    path = tmp_path / "mine"
    path.mkdir()
    (path / "notes.txt").write_text("precious")
    for _ in range(2):
        trained.get_pipe("lstm_tagger").to_disk(path, exclude=["vocab"])
    assert (path / "notes.txt").read_text() == "precious"
    assert set(directories(path)) == FILES | {"notes.txt"}
    assert directories(tmp_path) == ["mine"]
