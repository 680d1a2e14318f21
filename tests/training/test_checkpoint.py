"""Training that is stopped, killed or runs out of disk: the best model stays, and a resumed run ends the same."""

import hashlib
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest
import spacy
import torch
from safetensors.torch import load_file
from tqdm import tqdm

from spacy_lstm_tagger.commands.evaluate import TRAINING_LOG, TRAINING_RUN
from spacy_lstm_tagger.commands.train import train
from spacy_lstm_tagger.evaluation.report import REPORT_FILE
from spacy_lstm_tagger.formats import treebank
from spacy_lstm_tagger.model.vocabulary import Vocabulary
from spacy_lstm_tagger.pipeline import storage
from spacy_lstm_tagger.pipeline.component import LSTMTaggerPipe
from spacy_lstm_tagger.training import checkpoint
from spacy_lstm_tagger.training.checkpoint import CHECKPOINT, WORK

from ..conftest import ROOT

DATA = ROOT / "corpus" / "en_sample-dev.conllu"
SMALL = {
    **{f"components.lstm_tagger.model.{name}": 8 for name in ("word_width", "affix_width", "character_width")},
    **{f"components.lstm_tagger.model.{name}": 8 for name in ("mix_width", "hidden_width")},
    # Random numbers of NumPy and of torch.
    "components.lstm_tagger.model.lower_case": 0.2,
    "training.dropout": 0.3,
    "training.optimizer.learn_rate.initial_rate": 0.01,
    "training.optimizer.learn_rate.warmup_steps": 1,
    "training.batcher.size": 200,
    "training.batcher.buffer": 50,
    "training.max_steps": 14,
    "training.eval_frequency": 3,
}
OPTIMIZERS = {
    "Adam": {},
    "Adam of thinc": {"training.optimizer.grad_clip": 1.0},
    "SGD": {"training.optimizer.@optimizers": "SGD.v1", "training.optimizer.use_averages": False},
}


def run_training(output, *, resume=False, force=False, **overrides):
    return train(DATA, output, dev_path=DATA, resume=resume, force=force, overrides={**SMALL, **overrides})


def arguments(output, *more):
    settings = [f"--{name}={value}" for name, value in SMALL.items()]
    return ["lstm-tagger", "train", DATA, output, "--dev", DATA, *settings, *more]


def act_at_call(monkeypatch, owner, name, number, act):
    """Do something when a function is called for the nth time."""
    original = getattr(owner, name)
    calls = iter(range(number))

    def counted(*args, **kwargs):
        if next(calls, None) == number - 1:
            act()
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, counted)


def interrupt():
    signal.raise_signal(signal.SIGINT)


def interrupt_at_update(monkeypatch, number, output, **kwargs):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        act_at_call(patch, LSTMTaggerPipe, "update", number, interrupt)
        run_training(output, **kwargs)


def weights(path):
    return hashlib.sha256((path / "lstm_tagger" / "model.safetensors").read_bytes()).hexdigest()


def directories(path):
    return sorted(file.name for file in path.iterdir() if file.name not in (REPORT_FILE, TRAINING_LOG, TRAINING_RUN))


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
def test_resumed_training_has_the_same_state_bit_for_bit(tmp_path, monkeypatch, optimizer):
    overrides = OPTIMIZERS[optimizer]
    interrupt_at_update(monkeypatch, 12, tmp_path / "a", **overrides)
    interrupt_at_update(monkeypatch, 6, tmp_path / "b", **overrides)
    # The state was that of update 5; of the updates that are counted, two are taken again.
    interrupt_at_update(monkeypatch, 8, tmp_path / "b", resume=True, **overrides)
    a, b = (load_file(tmp_path / name / WORK / CHECKPOINT) for name in "ab")
    assert a.keys() == b.keys()
    assert "random/torch" in a and any(name.startswith("weights/") for name in a)
    for name in a:
        assert torch.equal(a[name], b[name]), name


def test_resumed_training_ends_with_the_same_models(tmp_path, monkeypatch):
    run_training(tmp_path / "a")
    interrupt_at_update(monkeypatch, 6, tmp_path / "b")
    interrupt_at_update(monkeypatch, 4, tmp_path / "b", resume=True)
    random.seed(99)
    torch.manual_seed(99)
    run_training(tmp_path / "b", resume=True)
    for name in ("model-best", "model-last"):
        a, b = tmp_path / "a" / name, tmp_path / "b" / name
        assert weights(a) == weights(b)
        scores_a, scores_b = (spacy.load(path).meta["performance"] for path in (a, b))
        assert scores_a == scores_b
    assert directories(tmp_path / "a") == directories(tmp_path / "b") == ["model-best", "model-last"]


def test_patience_goes_on(tmp_path, monkeypatch):
    """Nothing is learned here, so the first model stays the best, and patience is at its end after seven steps."""
    overrides = {"training.patience": 7, "training.max_steps": 0, "training.optimizer.learn_rate.initial_rate": 0.0}
    updates = []
    original = LSTMTaggerPipe.update
    monkeypatch.setattr(LSTMTaggerPipe, "update", lambda *args, **kw: updates.append(0) or original(*args, **kw))
    run_training(tmp_path / "a", **overrides)
    uninterrupted = len(updates)
    interrupt_at_update(monkeypatch, 6, tmp_path / "b", **overrides)
    updates.clear()
    run_training(tmp_path / "b", resume=True, **overrides)
    assert len(updates) == uninterrupted - 4  # which were taken before the last checkpoint


def test_nothing_to_resume_is_said(run_spacy, tmp_path):
    done = run_spacy(*arguments(tmp_path / "out", "--resume"), check=False)
    assert done.returncode == 1
    assert "nothing to resume: start again without --resume" in " ".join(done.stderr.split())
    assert not (tmp_path / "out").exists()


def test_checkpoint_of_other_settings_or_data_is_refused(tmp_path, monkeypatch):
    interrupt_at_update(monkeypatch, 6, tmp_path / "out")
    with pytest.raises(ValueError, match="other settings or other data"):
        run_training(tmp_path / "out", resume=True, **{"training.dropout": 0.1})
    data = tmp_path / "data.conllu"
    data.write_text(DATA.read_text("utf8").partition("\n\n")[2], "utf8")
    with monkeypatch.context() as patch, pytest.raises(ValueError, match="other settings or other data"):
        patch.setattr(treebank, "read_docs", lambda path, *rest: READ_DOCS(data, *rest))
        run_training(tmp_path / "out", resume=True)
    assert spacy.load(tmp_path / "out" / "model-best")("A dog.")[0].tag_


READ_DOCS = treebank.read_docs


def test_damaged_checkpoint_is_named(tmp_path, monkeypatch):
    interrupt_at_update(monkeypatch, 6, tmp_path / "out")
    path = tmp_path / "out" / WORK / CHECKPOINT
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"training\.safetensors is damaged"):
        run_training(tmp_path / "out", resume=True)


PHASES = {
    "reading": (treebank, "detect_format", 1),
    "initializing": (Vocabulary, "fit", 1),
    "updating": (LSTMTaggerPipe, "update", 6),
    "evaluating": (LSTMTaggerPipe, "predict", 3),
    "saving": (storage, "to_parts", 3),
    "copying the best": (shutil, "copytree", 5),
    "writing the checkpoint": (checkpoint, "save_file", 2),
}


@pytest.mark.parametrize("phase", list(PHASES))
def test_interrupt_keeps_the_best_model_and_says_how_to_go_on(run_spacy, tmp_path, monkeypatch, phase):
    output = tmp_path / "out"
    with monkeypatch.context() as patch:
        act_at_call(patch, *PHASES[phase], interrupt)
        done = run_spacy(*arguments(output), check=False)
    assert done.returncode == 130
    assert "Stopped" in done.stderr and "Traceback" not in done.stderr
    if phase in ("reading", "initializing"):
        assert not output.exists() or not any(output.iterdir())
        return
    assert "To continue, give the same command with --resume" in " ".join(done.stderr.split())
    assert spacy.load(output / "model-best")("A dog.")[0].tag_
    assert set(directories(output)) <= {"model-best", "model-last", WORK}
    assert {file.name for file in (output / WORK).glob("*")} <= {CHECKPOINT}
    run_spacy(*arguments(output, "--resume"))
    assert directories(output) == ["model-best", "model-last"]


def fill_disk():
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def test_failing_writes_keep_the_best_model(run_spacy, tmp_path, monkeypatch):
    output = tmp_path / "out"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with monkeypatch.context() as patch:
        act_at_call(patch, LSTMTaggerPipe, "update", 6, fill_disk)
        try:
            done = run_spacy(*arguments(output), check=False)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert done.returncode == 1
    assert "File too large" in done.stderr and "Traceback" not in done.stderr
    assert spacy.load(output / "model-best")("A dog.")[0].tag_
    run_spacy(*arguments(output, "--resume"))
    assert directories(output) == ["model-best", "model-last"]


def n_pages(path):
    """What a file or a directory takes of a tmpfs."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(1 + file.stat().st_size // 4096 for file in files)


@pytest.mark.parametrize("n_models, n_checkpoints", [(2, 0.5), (3.5, 1)])
def test_full_disk_keeps_the_best_model(run_spacy, tmp_path, monkeypatch, n_models, n_checkpoints):
    """There is room for the first two models and half a checkpoint, or also for half a copy of the next best model."""
    with monkeypatch.context() as patch:
        interrupt_at_update(patch, 6, tmp_path / "measured")
    model, file = (tmp_path / "measured" / path for path in ("model-best", f"{WORK}/{CHECKPOINT}"))
    disk = tmp_path / "disk"
    disk.mkdir()
    size = f"size={4 * int(n_models * n_pages(model) + n_checkpoints * n_pages(file) + 20)}k"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", disk], check=False).returncode == 0
    if not mounted:
        pytest.skip("mounting a tmpfs takes rights that are not there")
    try:
        done = run_spacy(*arguments(disk / "out"), check=False)
        assert done.returncode == 1
        assert "No space left on device" in done.stderr and "Traceback" not in done.stderr
        assert (disk / "out" / WORK / CHECKPOINT).exists() == (n_checkpoints == 1)
        assert not list((disk / "out").rglob(".*"))
        assert spacy.load(disk / "out" / "model-best")("A dog.")[0].tag_
        subprocess.run(["mount", "-o", "remount,size=50m", disk], check=True)
        run_spacy(*arguments(disk / "out", "--force"))
        assert directories(disk / "out") == ["model-best", "model-last"]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_output_that_cannot_be_written_is_named(run_spacy, tmp_path):
    (tmp_path / "file").write_text("no directory")
    done = run_spacy(*arguments(tmp_path / "file" / "out"), check=False)
    assert done.returncode == 1
    assert str(tmp_path / "file") in done.stderr and "Traceback" not in done.stderr


def test_output_that_vanishes_is_named(run_spacy, tmp_path, monkeypatch):
    output = tmp_path / "out"
    with monkeypatch.context() as patch:
        act_at_call(patch, LSTMTaggerPipe, "update", 6, lambda: shutil.rmtree(output))
        done = run_spacy(*arguments(output), check=False)
    assert done.returncode == 1
    assert str(output) in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["model-best", "model-last"])
def test_killed_between_two_renames(tmp_path, name):
    """The next run finds the model, before it has one of its own."""
    output = tmp_path / "out"
    run_training(output)
    before = weights(output / name)
    (output / name).rename(output / f".{name}.old")
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger")
    checkpoint._Training(nlp, output, None).prepare()
    assert weights(output / name) == before
    assert directories(output) == [WORK, "model-best", "model-last"]


def train_in_child(output, resume):
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)
    # tqdm's own lock is shared with the other children, and stays locked if one of them is killed.
    tqdm.set_lock(threading.RLock())
    run_training(output, resume=resume, force=not resume)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="children are forked")
@pytest.mark.parametrize("n_kills", [5, pytest.param(200, marks=pytest.mark.slow)])
def test_killed_training(tmp_path, monkeypatch, n_kills):
    """Kill training at random moments and resume it: the best model is always one of those that an uninterrupted
    training has, and the last one is the same."""
    published = []
    original = checkpoint._Training._publish

    def publish(training, *names):
        original(training, *names)
        published.append(weights(training.output_path / "model-best"))

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint._Training, "_publish", publish)
        run_training(tmp_path / "reference")
    fork = multiprocessing.get_context("fork")
    draw = random.Random(n_kills)
    output = tmp_path / "out"
    n_killed = n_complete = 0
    while n_killed < n_kills or not n_complete:
        resume = (output / WORK / CHECKPOINT).exists()
        child = fork.Process(target=train_in_child, args=(output, resume))
        child.start()
        child.join(timeout=None if n_killed >= n_kills else draw.uniform(0.0, 1.5))
        child.kill()
        child.join()
        n_killed += child.exitcode != 0
        assert child.exitcode in (0, -signal.SIGKILL)
        if child.exitcode == 0:
            n_complete += 1
            assert directories(output) == ["model-best", "model-last"]
            assert weights(output / "model-best") == published[-1]
            assert weights(output / "model-last") == weights(tmp_path / "reference" / "model-last")
        if (output / "model-best").exists():
            assert spacy.load(output / "model-best")("A dog.")[0].tag_
            assert weights(output / "model-best") in published
        else:
            assert n_complete == 0
    print(f"killed {n_killed} times, complete {n_complete} times")


def test_killed_save_by_a_process(trained_path, tmp_path):
    """See `test_storage.py`; here the process really dies, at random moments of saving over and over."""
    path = tmp_path / "model"
    spacy.load(trained_path).get_pipe("lstm_tagger").to_disk(path, exclude=["vocab"])
    before = (path / "model.safetensors").read_bytes()
    fork = multiprocessing.get_context("fork")
    draw = random.Random(0)
    for _ in range(20):
        child = fork.Process(target=save_over_and_over, args=(trained_path, path))
        child.start()
        child.join(timeout=0.1 + draw.uniform(0.0, 0.1))
        child.kill()
        child.join()
        assert child.exitcode == -signal.SIGKILL
        parts = storage.read_parts(path, ["vocab"])
        assert parts["model.safetensors"] == before
        nlp = spacy.blank("en")
        nlp.add_pipe("lstm_tagger").from_disk(path, exclude=["vocab"])
    nlp.get_pipe("lstm_tagger").to_disk(path, exclude=["vocab"])
    assert directories(tmp_path) == ["model"]


def save_over_and_over(trained_path: Path, path: Path) -> None:
    tagger = spacy.load(trained_path).get_pipe("lstm_tagger")
    while True:
        tagger.to_disk(path, exclude=["vocab"])
