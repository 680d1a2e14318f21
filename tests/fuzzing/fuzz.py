"""Look for text and for training data that break something, guided by which lines of the package they reach.

    pip install atheris
    python tests/fuzzing/fuzz.py text -runs=12500 -len_control=0
    python tests/fuzzing/fuzz.py readers -runs=100000

A run of `text` tags eight docs, and checks of them what `test_text.py` does. atheris passes options on to libFuzzer:
https://llvm.org/docs/LibFuzzer.html. What it finds becomes a test.
"""

import sys
import tempfile
from pathlib import Path

import atheris
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
with atheris.instrument_imports(include=["spacy_lstm_tagger"]):
    import spacy

    from spacy_lstm_tagger.formats.treebank import FORMATS, read_docs
    from tests.conftest import make_pipeline
    from tests.formats.test_hostile_treebanks import check_annotation
    from tests.formats.test_text import ANY, check, load_with_short_windows, make_doc, plans

NAMES = sorted(FORMATS)
LENGTH = 4096  # in bytes, libFuzzer's longest input


@given(plans=st.lists(plans, min_size=8, max_size=8))
@settings(ANY, database=None)
def check_text(plans: list) -> None:
    check(NLP, [make_doc(NLP, plan) for plan in plans])


def fuzz_text(data: bytes) -> None:
    # Docs take more bytes than the first inputs have, which would all be refused.
    check_text.hypothesis.fuzz_one_input(data.ljust(LENGTH, b"\0"))


def fuzz_readers(data: bytes) -> None:
    format = [*NAMES, None][data[0] % (len(NAMES) + 1)] if data else None
    FILE.write_bytes(data[1:])
    try:
        docs = list(read_docs(FILE, spacy.vocab.Vocab(), format))
    except ValueError as error:
        if str(FILE) not in str(error):
            raise
    else:
        check_annotation(docs)


if __name__ == "__main__":
    torch.set_num_threads(1)
    target = {"text": fuzz_text, "readers": fuzz_readers}[sys.argv.pop(1)]
    with tempfile.TemporaryDirectory() as directory:
        FILE = Path(directory) / "data"
        make_pipeline(steps=10).to_disk(Path(directory) / "model")
        NLP = load_with_short_windows(Path(directory) / "model")
        atheris.Setup(sys.argv, target)
        atheris.Fuzz()
