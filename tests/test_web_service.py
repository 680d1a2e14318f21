"""A small web service around a pipeline, asked by many clients at once."""

import itertools
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import spacy

from . import serving
from .conftest import ROOT, TEXTS

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
httpx = pytest.importorskip("httpx")

N_CLIENTS = 16


def make_app(nlp):
    """The example of the documentation."""
    page = (ROOT / "docs" / "deploy.md").read_text("utf8")
    (example,) = re.findall(r"^(from starlette.*?)^app = ", page, flags=re.MULTILINE | re.DOTALL)
    namespace = {}
    exec(compile(example, "deploy.md", "exec"), namespace)
    return namespace["make_app"](nlp)


@pytest.fixture
def url(trained_path):
    with serving.serve(make_app(spacy.load(trained_path))) as root:
        yield f"{root}/tag"


@pytest.mark.parametrize("n_requests", [100, pytest.param(5000, marks=pytest.mark.slow)])
def test_answers_under_load(trained, url, n_requests):
    expected = {}
    for i in range(20):
        texts = (*(f"{text} word{i}" for text in TEXTS[i % 4 :]), "")
        docs = [trained(text) for text in texts]
        expected[texts] = [[{"text": t.text, "pos": t.pos_, "tag": t.tag_} for t in doc] for doc in docs]
    seconds = []

    def ask(texts):
        start = time.perf_counter()
        response = clients[threading.get_ident()].post(url, json=list(texts), timeout=60)
        seconds.append(time.perf_counter() - start)
        assert response.status_code == 200
        return texts, response.json()

    clients = {}

    def connect():
        clients[threading.get_ident()] = httpx.Client(trust_env=False)

    with ThreadPoolExecutor(N_CLIENTS, initializer=connect) as pool:
        for texts, answer in pool.map(ask, itertools.islice(itertools.cycle(expected), n_requests)):
            assert answer == expected[texts]
    for client in clients.values():
        client.close()
    seconds.sort()
    p50, p99 = (1000 * seconds[int(share * (n_requests - 1))] for share in (0.5, 0.99))
    print(f"{n_requests} requests of {N_CLIENTS} clients: p50 {p50:.0f} ms, p99 {p99:.0f} ms")
