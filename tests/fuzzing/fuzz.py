"""Look for text and for training data that break something, guided by which lines of the package they reach.

    pip install atheris
    python tests/fuzzing/fuzz.py text -runs=100000
    python tests/fuzzing/fuzz.py readers -runs=100000

atheris passes options on to libFuzzer: https://llvm.org/docs/LibFuzzer.html. What it finds becomes a test.
"""

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
with atheris.instrument_imports(include=["spacy_lstm_tagger"]):
    import spacy

    from spacy_lstm_tagger.treebank import FORMATS, read_docs
    from tests.conftest import make_pipeline
    from tests.test_hostile_treebanks import check_annotation
    from tests.test_text import check, make_doc

NAMES = sorted(FORMATS)


def fuzz_text(data: bytes) -> None:
    provider = atheris.FuzzedDataProvider(data)
    plans = []
    while provider.remaining_bytes() and len(plans) < 8:
        n_words = provider.ConsumeIntInRange(0, 8)
        plans.append(
            {
                "words": [word for _ in range(n_words) if (word := provider.ConsumeUnicode(10))],
                "sentence_starts": [provider.PickValueInList([True, False, None]) for _ in range(n_words)],
                "tagged": provider.ConsumeIntListInRange(n_words, 0, 1),
                "merged": [(provider.ConsumeIntInRange(0, 7), provider.ConsumeIntInRange(1, 3))],
                "split": [provider.ConsumeIntInRange(0, 7)],
                "has_spaces": provider.ConsumeBool(),
            }
        )
    check(NLP, [make_doc(NLP, plan) for plan in plans])


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
    target = {"text": fuzz_text, "readers": fuzz_readers}[sys.argv.pop(1)]
    NLP = make_pipeline(steps=10)
    with tempfile.TemporaryDirectory() as directory:
        FILE = Path(directory) / "data"
        atheris.Setup(sys.argv, target)
        atheris.Fuzz()
