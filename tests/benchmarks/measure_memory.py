"""Tag a long stream of text, and say how much memory the process has after each million tokens.

    python tests/benchmarks/measure_memory.py MODEL --tokens 50000000 --zone

Words follow Zipf's law. With `--zone`, batches are tagged in `nlp.memory_zone()`, and one word in a hundred is new;
without it spaCy keeps every word that it meets, so that there the words are always the same 50,000. oneDNN keeps
what it made for up to 1,024 shapes of matrices (`ONEDNN_PRIMITIVE_CACHE_CAPACITY`), and memory grows until then.
"""

import ctypes
import itertools
import re
import sys
from pathlib import Path
from typing import Iterator, List

import numpy
import spacy
import typer

N_WORDS = 50_000
TOKENS_PER_TEXT = 100
TEXTS_PER_BATCH = 1000


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


def measure(model: str, tokens: int = 3_000_000, zone: bool = False) -> List[float]:
    """RETURNS (List[float]): Megabytes after each million tokens."""
    nlp = spacy.load(model)
    texts = make_texts(new_words=zone)
    n_tokens, taken = 0, []
    while n_tokens < tokens:
        batch = list(itertools.islice(texts, TEXTS_PER_BATCH))
        if zone:
            with nlp.memory_zone():
                n_tokens += sum(len(doc) for doc in nlp.pipe(batch))
        else:
            n_tokens += sum(len(doc) for doc in nlp.pipe(batch))
        if n_tokens // 1_000_000 > len(taken):
            taken.append(megabytes())
            print(f"{n_tokens:,} tokens: {taken[-1]:.0f} MB, {100 * (taken[-1] / taken[0] - 1):+.1f}%", flush=True)
    return taken


def main(model: str, tokens: int = 3_000_000, zone: bool = False) -> None:
    taken = measure(model, tokens, zone)
    if taken[-1] > 1.05 * taken[0]:
        sys.exit(f"Memory grew from {taken[0]:.0f} MB to {taken[-1]:.0f} MB.")


if __name__ == "__main__":
    typer.run(main)
