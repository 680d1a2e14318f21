"""Processes that annotate, and die."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet
import pytest

from spacy_lstm_tagger.corpora import annotate as annotate_module
from spacy_lstm_tagger.corpora import local_engine, units
from spacy_lstm_tagger.corpora.local_engine import MAX_TRIES
from spacy_lstm_tagger.corpora.work import do

from .conftest import read_tree, run_here


@pytest.fixture
def corpus(tmp_path):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number in range(3):
        (corpus / f"{number}.txt").write_text("".join(f"The dog {number} ate {i} apples .\n" for i in range(50)))
    return corpus


@pytest.fixture
def expected(corpus, trained_path, tmp_path, monkeypatch):
    """What one process writes, of many units."""
    monkeypatch.setattr(units, "UNIT_ROWS", 5)
    with monkeypatch.context() as patched:
        patched.setattr(annotate_module, "run_locally", run_here)
        annotate_module.annotate(str(corpus), str(tmp_path / "expected"), str(trained_path))
    return read_tree(tmp_path / "expected")


def test_processes_write_what_one_does(corpus, expected, trained_path, tmp_path):
    summary = annotate_module.annotate(str(corpus), str(tmp_path / "out"), str(trained_path), n_workers=2)
    assert read_tree(tmp_path / "out") == expected
    assert summary.counts[:2] == (150, 0)


def die_once(task, job):
    mark = Path(job.output) / "_annotate" / "died"
    if getattr(task, "number", None) == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return do(task, job)


@pytest.mark.slow
def test_worker_that_dies_is_replaced(corpus, expected, trained_path, tmp_path, monkeypatch):
    monkeypatch.setattr(local_engine, "do", die_once)
    annotate_module.annotate(str(corpus), str(tmp_path / "out"), str(trained_path), n_workers=2)
    (tmp_path / "out" / "_annotate" / "died").unlink()
    assert read_tree(tmp_path / "out") == expected


def die_always(task, job):
    if getattr(task, "number", None) == 3 and task.shard.name == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    return do(task, job)


@pytest.mark.slow
def test_what_kills_workers_is_named(corpus, expected, trained_path, tmp_path, monkeypatch):
    monkeypatch.setattr(local_engine, "do", die_always)
    message = rf"1\.txt, lines \d+ to \d+: the process that worked on this died {MAX_TRIES} times"
    with pytest.raises(ValueError, match=message):
        annotate_module.annotate(str(corpus), str(tmp_path / "out"), str(trained_path), n_workers=2)
    monkeypatch.setattr(local_engine, "do", do)
    annotate_module.annotate(str(corpus), str(tmp_path / "out"), str(trained_path), n_workers=2)
    assert read_tree(tmp_path / "out") == expected


# Commands of their own, on as much text as they need some seconds for.


@pytest.fixture
def large(tmp_path):
    corpus = tmp_path / "large"
    corpus.mkdir()
    (corpus / "one.txt").write_text("".join(f"The dog ate the apples {i} .\n" for i in range(60_000)))
    for number in range(5):
        (corpus / f"{number}.txt").write_text("".join(f"Everybody reads {i} books .\n" for i in range(500)))
    return corpus


@pytest.fixture
def start(trained_path):
    """Starts the command in a process of its own."""
    processes = []

    def start_command(corpus, output, *arguments, **options):
        command = [sys.executable, "-m", "spacy", "lstm-tagger", "annotate", corpus, output, "--model", trained_path]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(
            subprocess.Popen([*command, "--workers", "2", *arguments], env=environment, **pipes, **options)
        )
        return processes[-1]

    yield start_command
    for process in processes:
        process.kill()
        process.communicate()


def wait_for(condition):
    while not (found := condition()):
        time.sleep(0.05)
    return found


def find_workers(process):
    """The processes that a process started, but for the one of Python that cleans up."""
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    children = [int(pid) for pid in path.read_text().split()] if path.exists() else []
    return [pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def is_alive(pid):
    path = Path(f"/proc/{pid}/stat")
    return path.exists() and path.read_text().rpartition(")")[2].split()[0] != "Z"


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found in /proc")


@pytest.mark.slow
@linux
def test_kill_of_a_worker_and_of_the_command(large, start, annotate_here, tmp_path):
    annotate_here(large, tmp_path / "expected")
    units = tmp_path / "out" / "_annotate" / "units"

    process = start(large, tmp_path / "out")
    wait_for(lambda: list(units.rglob("0*")))
    os.kill(find_workers(process)[0], signal.SIGKILL)
    n_units = len(list(units.rglob("0*")))
    wait_for(lambda: process.poll() is not None or len(list(units.rglob("0*"))) > n_units)
    workers = find_workers(process)
    assert process.poll() is None, process.communicate()
    process.kill()
    process.communicate()
    wait_for(lambda: not any(map(is_alive, workers)))
    assert units.exists()

    process = start(large, tmp_path / "out")
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert read_tree(tmp_path / "out") == read_tree(tmp_path / "expected")


@pytest.mark.slow
@linux
def test_ctrl_c_says_how_to_go_on(large, start, tmp_path):
    process = start(large, tmp_path / "out", start_new_session=True)
    wait_for(lambda: list((tmp_path / "out" / "_annotate" / "units").rglob("0*")))
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert "Stopped. Run the command again: it goes on where it stopped." in errors and "Traceback" not in errors


@pytest.mark.slow
@linux
def test_file_that_cannot_be_written_is_named(large, start, annotate_here, tmp_path):
    """The limit on the size of files takes the place of a full disk."""
    import resource

    limit = 200_000

    def limit_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = start(large, tmp_path / "out", preexec_fn=limit_files)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert f"{tmp_path / 'out'}/_annotate/units/" in errors
    assert "cannot be written: [Errno 27] File too large. Mend that, and run the command again." in errors
    assert "Traceback" not in errors

    process = start(large, tmp_path / "out")
    assert process.wait() == 0
    annotate_here(large, tmp_path / "expected")
    assert read_tree(tmp_path / "out") == read_tree(tmp_path / "expected")
    assert pyarrow.parquet.read_metadata(tmp_path / "out" / "one.parquet").num_rows == 60_000
