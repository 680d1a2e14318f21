"""Save a small model as this version of the package does, with what it says of some words.

    python tests/models/make.py

One is made for each release, named by it, and stays: later versions must load it and say the same.
"""

import sys
from importlib.metadata import version
from pathlib import Path

import srsly

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.conftest import make_pipeline  # noqa: E402
from tests.pipeline.test_versions import MODELS, predict  # noqa: E402

if __name__ == "__main__":
    tagger = make_pipeline(steps=60).get_pipe("lstm_tagger")
    path = MODELS / version("spacy-lstm-tagger")
    tagger.to_disk(path, exclude=["vocab"])
    srsly.write_json(path / "expected.json", predict(tagger))
