"""The command in a process of its own: many clients at once, and its end."""

import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module

import httpx
import pytest

from spacy_lstm_tagger.serving.limits import Limits

from ..conftest import ROOT, TEXTS

N_CLIENTS = 16


@contextmanager
def served(model, *options):
    """The process of `serve`, and its URL."""
    command = [sys.executable, "-m", "spacy", "lstm-tagger", "serve", "--model", model, "--port", "0", *options]
    environment = {**os.environ, "ANSI_COLORS_DISABLED": "1", "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": ""}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf8"}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        try:
            yield process, re.search(r"http://\S+:\d+", process.stdout.readline())[0]
        finally:
            process.kill()


def test_documented_answer():
    page = (ROOT / "docs" / "serve.md").read_text("utf8")
    (example,) = re.findall(r"```json\n(.*?)```", page, flags=re.DOTALL)
    with served("en") as (_, url):
        response = httpx.post(f"{url}/api/tag", json={"text": "She reads."}, trust_env=False, timeout=60)
    token, shown = response.json()["docs"][0]["tokens"][0], json.loads(example)
    assert token.pop("confidence") == pytest.approx(shown.pop("confidence"), abs=0.002)
    assert token == shown


def test_documented_limits():
    page = (ROOT / "docs" / "serve.md").read_text("utf8")
    for name, value in Limits()._asdict().items():
        if name != "max_pages":
            assert f"{value:,g}" in page, name


@pytest.mark.parametrize("n_requests", [200, pytest.param(5000, marks=pytest.mark.slow)])
def test_many_clients_get_the_answers_that_one_gets(url, n_requests):
    requests = [{"texts": [f"{text} word{i}" for text in TEXTS[i % 5 :]]} for i in range(20)]
    client = httpx.Client(trust_env=False, timeout=60)

    def ask(i):
        response = client.post(f"{url}/api/tag", json=requests[i])
        return i, response.status_code, response.json()

    with client, ThreadPoolExecutor(N_CLIENTS) as pool:
        alone = [ask(i)[2] for i in range(20)]
        for i, status, answer in pool.map(ask, itertools.islice(itertools.cycle(range(20)), n_requests)):
            assert status == 200
            for doc, expected in zip(answer["docs"], alone[i]["docs"], strict=True):
                for token, other in zip(doc["tokens"], expected["tokens"], strict=True):
                    assert token.pop("confidence") == pytest.approx(other["confidence"], abs=2e-4)
                    assert token == {name: value for name, value in other.items() if name != "confidence"}


def test_explanations_and_tags_at_the_same_time(url):
    text = "The dog ate the apples"

    def ask(path):
        return httpx.post(f"{url}/api/{path}", json={"text": text}, trust_env=False, timeout=60).text

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, ["tag", "explain"] * 16))
    assert len({re.sub(r"\d\.\d+", "", answer) for answer in answers}) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_asked_before_the_signal_is_answered(trained_path, number):
    words = " ".join(f"the dog{i} ate" for i in range(2_000))
    with served(str(trained_path)) as (process, url):
        statuses, refused = [], []
        began = threading.Barrier(N_CLIENTS + 1)

        def ask_on():
            with httpx.Client(trust_env=False, timeout=60) as client:
                client.get(f"{url}/health")
                began.wait(60)
                while True:
                    try:
                        response = client.post(f"{url}/api/tag", json={"text": words})
                    except (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError) as error:
                        refused.append(error)
                        return
                    statuses.append(response.status_code)
                    assert len(response.json()["docs"][0]["tokens"]) == 6_000

        threads = [threading.Thread(target=ask_on) for _ in range(N_CLIENTS)]
        for thread in threads:
            thread.start()
        began.wait(60)
        with httpx.Client(trust_env=False, timeout=60) as client:
            client.post(f"{url}/api/tag", json={"text": words})
        process.send_signal(number)
        _, errors = process.communicate(timeout=120)
        for thread in threads:
            thread.join(60)
    assert process.returncode == 0, errors
    assert errors == ""
    assert set(statuses) == {200}
    # All clients end since nobody listens any more, and not in the middle of an answer.
    assert len(refused) == N_CLIENTS
    assert not any(isinstance(error, httpx.RemoteProtocolError) and "incomplete" in str(error) for error in refused)


def test_idle_connections_do_not_hold_up_the_end(trained_path):
    with served(str(trained_path)) as (process, url), httpx.Client(trust_env=False) as client:
        assert client.get(f"{url}/health").status_code == 200
        process.terminate()
        assert process.wait(20) == 0


def test_large_body_over_the_network_is_an_error_that_arrives(url):
    response = httpx.post(f"{url}/api/tag", json={"text": "a " * 5_000_000}, trust_env=False, timeout=60)
    assert response.status_code == 413
    assert "At most 100,000 are taken" in response.json()["error"]


def test_port_that_is_in_use(run_spacy, trained_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run_spacy("lstm-tagger", "serve", "--model", trained_path, "--port", port, check=False)
    assert done.returncode == 1
    assert f"cannot listen at port {port} of 127.0.0.1: Address already in use" in done.stderr
    assert "Choose another with --port" in done.stderr and "Traceback" not in done.stderr


def test_address_of_another_machine(run_spacy, trained_path):
    done = run_spacy("lstm-tagger", "serve", "--model", trained_path, "--host", "192.0.2.1", check=False)
    assert done.returncode == 1
    assert "cannot listen at port 8000 of 192.0.2.1" in done.stderr


def test_model_that_is_not_there(run_spacy):
    done = run_spacy("lstm-tagger", "serve", "--model", "nowhere", "--port", 0, check=False)
    assert done.returncode == 1
    assert "nowhere" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("package", ["starlette", "uvicorn"])
def test_missing_extra_is_named(run_spacy, monkeypatch, package):
    def find(name):
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    monkeypatch.setattr(
        "spacy_lstm_tagger.extras.import_module", lambda name: find(name) if name == package else import_module(name)
    )
    done = run_spacy("lstm-tagger", "serve", check=False)
    assert done.returncode == 1
    assert f"This needs {package}: pip install 'spacy-lstm-tagger[serve]'." in done.stderr
