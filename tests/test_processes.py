"""`nlp.pipe` in several processes, after torch has computed with threads in the parent."""

import multiprocessing

import pytest

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
    two = [[(t.tag_, t.pos_, str(t.morph)) for t in doc] for doc in nlp.pipe(texts, n_process=2, batch_size=8)]
    print(one == two)
"""


@pytest.mark.parametrize("method", [m for m in ("fork", "spawn") if m in multiprocessing.get_all_start_methods()])
def test_two_processes_give_the_labels_of_one(run, trained_path, tmp_path, method):
    script = tmp_path / "pipe.py"
    script.write_text(PIPE)
    assert run(script, method, trained_path, timeout=120).stdout.split() == ["True"]
