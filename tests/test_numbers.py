"""Same input, same output: across processes, hash seeds, numbers of threads, batches and kinds of processors."""

import json
import os

import pytest
import torch

from .conftest import TEXTS

TAG = """
import json, sys, spacy, torch
torch.set_num_threads(int(sys.argv[2]))
nlp = spacy.load(sys.argv[1])
tagger = nlp.get_pipe("lstm_tagger")
docs = list(nlp.pipe(json.loads(sys.argv[3]), batch_size=int(sys.argv[4])))
labels = [[(t.tag_, t.pos_, str(t.morph)) for t in doc] for doc in docs]
bits = [[rows.tobytes().hex() for rows in tagger.predict_proba([doc])[0].values()] for doc in docs]
print(json.dumps([labels, bits if sys.argv[5] == "bits" else None]))
"""
MANY = [f"{text} {word}" for text in TEXTS for word in ("the dog", "reads!", "Zyzzyva 12,5 apples .", "")]


def tag(run, path, threads=1, batch_size=100, what="bits", **environment):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", **environment}
    return json.loads(run("-c", TAG, path, threads, json.dumps(MANY), batch_size, what, env=environment).stdout)


def test_output_depends_on_input_alone(run, trained_path):
    expected = tag(run, trained_path)
    assert tag(run, trained_path, batch_size=1, PYTHONHASHSEED="12345", OMP_NUM_THREADS="2") == expected
    # How a matrix product is shared among threads may change the last bit of a probability.
    threads = tag(run, trained_path, threads=4, batch_size=3, what="labels", PYTHONHASHSEED="random")
    assert threads[0] == expected[0]


@pytest.mark.skipif(torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "NO AVX"), reason="there is no other kind")
@pytest.mark.parametrize("mixed_precision", [True, False])
def test_processors_give_the_same_labels(run, trained_path, tmp_path, mixed_precision):
    """A model is saved on one kind of processor and loaded on another. In a network that is sure of its labels, not one
    may change; `tests/benchmarks/compare_processors.py` says how it is for a treebank."""
    import spacy

    path = tmp_path / "model"
    config = {"components.lstm_tagger.model.mixed_precision": mixed_precision}
    spacy.load(trained_path, config=config).to_disk(path)
    older = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
    here, there = tag(run, path, what="labels"), tag(run, path, what="labels", **older)
    assert here == there
