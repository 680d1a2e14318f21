"""Count the tokens whose labels change where oneDNN, torch and MKL are held to AVX2, in mixed precision and in float32.

python tests/benchmarks/compare_processors.py compare MODEL DATA
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, List

import spacy
import typer

from spacy_lstm_tagger.formats.treebank import read_docs

OLDER = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
app = typer.Typer()


@app.command()
def compare(model: str, data: Path) -> None:
    """Tag a treebank in processes of their own."""
    for mixed_precision in (True, False):
        here, there = (_tag(model, data, mixed_precision, kind) for kind in ({}, OLDER))
        n_changed = sum(a != b for a, b in zip(here, there, strict=True))
        precision = "mixed precision" if mixed_precision else "float32"
        print(f"{precision}: {n_changed} of {len(here):,} tokens change, {1000 * n_changed / len(here):.2f} in 1,000")


@app.command()
def tag(model: str, data: Path, mixed_precision: bool = True) -> None:
    """Print each token's labels as JSON."""
    nlp = spacy.load(model, config={"components.lstm_tagger.model.mixed_precision": mixed_precision})
    docs = [spacy.tokens.Doc(nlp.vocab, [token.text for token in doc]) for doc in read_docs(data, nlp.vocab)]
    print(json.dumps([[token.tag_, token.pos_, str(token.morph)] for doc in nlp.pipe(docs) for token in doc]))


def _tag(model: str, data: Path, mixed_precision: bool, environment: Any) -> List[Any]:
    flag = "--mixed-precision" if mixed_precision else "--no-mixed-precision"
    command = [sys.executable, __file__, "tag", model, str(data), flag]
    output = subprocess.run(command, env={**os.environ, **environment}, check=True, capture_output=True, text=True)
    labels: List[Any] = json.loads(output.stdout)
    return labels


if __name__ == "__main__":
    app()
