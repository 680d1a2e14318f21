"""`nlp.pipe` in several processes, after torch has computed with threads in the parent, and in several threads."""

import multiprocessing
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import module_from_spec, spec_from_file_location

import numpy
import pytest
import spacy

from .conftest import ROOT, TEXTS

PIPE = """
import multiprocessing, sys
import spacy, torch

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    torch.set_num_threads(2)
    torch.randn(1000, 1000) @ torch.randn(1000, 1000)
    nlp = spacy.load(sys.argv[2])
    texts = [f"The dog ate the apples number {i} ." for i in range(60)] + ["", " "]
    one = [[(t.tag_, t.pos_, str(t.morph)) for t in doc] for doc in nlp.pipe(texts)]
    n_process = int(sys.argv[3])
    more = [[(t.tag_, t.pos_, str(t.morph)) for t in doc] for doc in nlp.pipe(texts, n_process=n_process, batch_size=8)]
    print(one == more)
"""


@pytest.mark.parametrize("n_process", [2, pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.parametrize("method", [m for m in ("fork", "spawn") if m in multiprocessing.get_all_start_methods()])
def test_processes_give_the_labels_of_one(run, trained_path, tmp_path, method, n_process):
    script = tmp_path / "pipe.py"
    script.write_text(PIPE)
    assert run(script, method, trained_path, n_process, timeout=120).stdout.split() == ["True"]


@pytest.mark.parametrize("cache_size", [20_000, 50, 0])
def test_threads_share_a_pipeline(trained, trained_path, cache_size):
    """Eight threads tag other texts at the same time, with a table of words that is renewed all the time, or has no
    room for the words of a batch."""
    nlp = spacy.load(trained_path, config={"components.lstm_tagger.model.cache_size": cache_size})
    tagger = nlp.get_pipe("lstm_tagger")
    draw = random.Random(0)
    words = [*" ".join(TEXTS).split(), *(f"word{i}" for i in range(300))]
    batches = [[" ".join(draw.choices(words, k=draw.randrange(12))) for _ in range(8)] for _ in range(40)]

    def tag(texts):
        docs = list(nlp.pipe(texts))
        labels = [[(t.tag_, t.pos_, str(t.morph)) for t in doc] for doc in docs]
        return labels, tagger.predict_proba(docs)

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(tag, batches))
    for texts, (labels, probabilities) in zip(batches, together):
        docs = [trained(text) for text in texts]
        assert labels == [[(t.tag_, t.pos_, str(t.morph)) for t in doc] for doc in docs]
        for rows, expected in zip(probabilities, trained.get_pipe("lstm_tagger").predict_proba(docs)):
            assert all(numpy.array_equal(rows[layer], expected[layer]) for layer in expected)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
@pytest.mark.parametrize("zone", [True, False])
def test_memory_stays_bounded(trained_path, zone):
    """After the first million tokens of a stream; `tests/benchmarks/measure_memory.py` reads longer ones."""
    spec = spec_from_file_location("measure_memory", ROOT / "tests" / "benchmarks" / "measure_memory.py")
    measure_memory = module_from_spec(spec)
    spec.loader.exec_module(measure_memory)
    taken = measure_memory.measure(str(trained_path), 3_000_000, zone)
    assert taken[-1] < 1.05 * taken[0]
