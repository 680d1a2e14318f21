"""Tag a long stream of text, and say how much memory the process has at most in each million tokens.

    python tests/benchmarks/measure_memory.py MODEL --tokens 50000000 --zone --text BOOK.txt --text NEWS.txt.xz

With `--zone`, batches are tagged in `nlp.memory_zone()`; without it spaCy keeps every word that it meets. What spaCy
alone takes for a text is found with `blank:en` as the model.

The text has a doc a line, and is read again when it is at its end. Without `--text`, words are made up, and follow
Zipf's law: always the same 50,000, and with `--zone` one in a hundred is new.
"""

import ctypes
import itertools
import lzma
import re
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Iterator, List

import numpy
import spacy
import typer

N_WORDS = 50_000
TOKENS_PER_TEXT = 100
TEXTS_PER_BATCH = 1000


def read_texts(paths: List[Path]) -> Iterator[str]:
    for path in itertools.cycle(paths):
        with (lzma.open if path.suffix == ".xz" else open)(path, "rt", encoding="utf8") as lines:
            yield from map(str.strip, lines)


def make_texts(new_words: bool) -> Iterator[str]:
    draw = numpy.random.RandomState(0)
    ranks = numpy.arange(1, N_WORDS + 1)
    shares = (1 / ranks) / (1 / ranks).sum()
    letters = numpy.asarray(list("etaoinshrdlucmfw"))
    words = ["".join(letters[[i >> shift & 15 for shift in (0, 4, 8, 12)]]) for i in range(N_WORDS)]
    new = itertools.count()
    while True:
        drawn = draw.choice(N_WORDS, size=(TEXTS_PER_BATCH, TOKENS_PER_TEXT), p=shares)
        for row in drawn.tolist():
            text = [words[i] for i in row]
            if new_words:
                text[0] = f"new{next(new)}word"
            yield " ".join(text)


def megabytes() -> float:
    """Memory of the process, without what the C library keeps though it is free: that depends on when large tables
    came and went. (Linux with glibc)"""
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return int(re.findall(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())[0]) / 1024


def measure(model: str, tokens: int = 3_000_000, zone: bool = False, text: List[Path] = []) -> List[float]:
    """RETURNS (List[float]): The most megabytes after a batch, in each million tokens and in the rest."""
    nlp = spacy.load(model)
    texts = read_texts(text) if text else make_texts(new_words=zone)
    n_tokens, most, taken = 0, 0.0, []
    while n_tokens < tokens:
        batch = list(itertools.islice(texts, TEXTS_PER_BATCH))
        with nlp.memory_zone() if zone else nullcontext():
            n_tokens += sum(len(doc) for doc in nlp.pipe(batch))
        most = max(most, megabytes())
        if n_tokens // 1_000_000 > len(taken) or n_tokens >= tokens:
            taken.append(most)
            most = 0.0
            print(f"{n_tokens:,} tokens: {taken[-1]:.0f} MB, {100 * (taken[-1] / taken[0] - 1):+.1f}%", flush=True)
    return taken


def main(model: str, tokens: int = 3_000_000, zone: bool = False, text: List[Path] = []) -> None:
    taken = measure(model, tokens, zone, text)
    if taken[-1] > 1.05 * taken[0]:
        sys.exit(f"Memory grew from {taken[0]:.0f} MB to {taken[-1]:.0f} MB.")


if __name__ == "__main__":
    typer.run(main)
