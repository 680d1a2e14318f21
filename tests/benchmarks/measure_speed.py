"""Measure how fast pipelines tag, against spaCy's taggers and spaCy's tokenizer, and how cost grows.

    python tests/benchmarks/compare_with_spacy.py TREEBANK --work DIR    # trains the pipelines
    python tests/benchmarks/measure_speed.py TREEBANK --work DIR [--plot FILE.svg]

TREEBANK is a directory with a file named *-dev.conllu, whose text is repeated. Pipelines take turns in one process on
one core, except where two threads or two processes are measured; figures are medians over the turns.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
import spacy
import torch
from compare_with_spacy import copy_words, find
from spacy.tokens import Doc
from spacy.util import minibatch
from thinc.api import set_dropout_rate
from wasabi import table

from spacy_lstm_tagger.formats.treebank import read_docs

NAMES = ["spacy", "fast", "accurate"]
ROUNDS = 2
TOTALS = [1_000, 10_000, 100_000, 1_000_000, 10_000_000]
DOC_LENGTHS = [1, 3, 10, 30, 100, 1_000, 10_000, 100_000, 1_000_000]
BATCH_SIZES = [1, 4, 16, 64, 256, 1_024, 4_096]
SENTENCE = "The quick brown fox jumps over the lazy dog near the river"
# By name: number of threads, environment.
SETTINGS: dict[str, tuple[int, dict[str, str]]] = {
    "one thread": (1, {}),
    "one thread, AVX2 alone": (1, {"ONEDNN_MAX_CPU_ISA": "AVX2"}),
    "two threads": (2, {}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("treebank", type=Path)
    parser.add_argument("--work", type=Path, default=Path("benchmark"))
    parser.add_argument("--plot", type=Path, help="where to draw how cost grows")
    parser.add_argument("--words", type=int, default=500_000, help="how many to tag where size is not what is measured")
    parser.add_argument("--longest", type=int, default=TOTALS[-1], help="the largest size, in words")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        torch.set_num_threads(options.threads)
        print(json.dumps(PARTS[options.part](options)))
        return
    print("Tokens of dev labelled otherwise in training, and in bfloat16:", run_part("labels", "one thread"))
    for setting in SETTINGS:
        show_speeds(setting, run_part("speed", setting))
    growth = run_part("growth", "one thread")
    show_growth(growth)
    if options.plot:
        draw(growth, options.plot)


def run_part(part: str, setting: str) -> dict:
    """Measure in a process of its own, since instructions and cores are chosen at its start."""
    n_threads, environment = SETTINGS[setting]
    command = [sys.executable, *sys.argv, "--part", part, "--threads", str(n_threads)]
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, range(n_threads)),
    )
    return json.loads(done.stdout.splitlines()[-1])


def load(work: Path, names: list[str]) -> dict[str, spacy.Language]:
    return {name: spacy.load(work / f"{name}-0" / "model-best") for name in names}


def read_dev(treebank: Path) -> list[Doc]:
    return list(read_docs(find(treebank, "dev"), spacy.vocab.Vocab()))


def repeat_docs(nlp: spacy.Language, dev: list[Doc], n_words: int) -> Iterator[Doc]:
    for doc in itertools.cycle(dev):
        if n_words <= 0:
            return
        n_words -= len(doc)
        yield copy_words(nlp, doc)


def measure_speeds(options: argparse.Namespace) -> dict[str, dict[str, list[float]]]:
    """Words per second, and the microseconds of one call, in each round."""
    pipelines = {"tokenizer": spacy.blank("en"), **load(options.work, NAMES)}
    dev = read_dev(options.treebank)
    paragraphs = [" ".join(doc.text for doc in docs) for docs in minibatch(dev, 8)] * 4
    results: dict[str, dict[str, list[float]]] = {}
    for turn in range(ROUNDS + 1):
        for name, nlp in pipelines.items():
            measured = {"words/s, paragraphs": tag_texts(nlp, paragraphs)}
            if nlp.pipeline:
                measured["words/s, docs"] = 1 / tag_docs(nlp, repeat_docs(nlp, dev, options.words))
                measured["µs, one sentence"] = tag_one_by_one(nlp)
                if torch.get_num_threads() > 1:
                    docs = repeat_docs(nlp, dev, options.words // 5)
                    measured["words/s, two processes"] = 1 / tag_docs(nlp, docs, n_process=2)
            for what, value in measured.items():
                if turn:  # the first round warms up
                    results.setdefault(what, {}).setdefault(name, []).append(value)
    return results


def tag_texts(nlp: spacy.Language, texts: list[str]) -> float:
    """Words per second, from texts on."""
    start = time.perf_counter()
    n_words = sum(len(doc) for doc in nlp.pipe(texts))
    return n_words / (time.perf_counter() - start)


def tag_docs(nlp: spacy.Language, docs: Iterator[Doc], **settings: Any) -> float:
    """Seconds per word, from docs with words to docs with all layers set."""
    n_words, seconds = 0, 0.0
    for chunk in minibatch(docs, 20_000):
        start = time.perf_counter()
        for doc in nlp.pipe(chunk, **settings):
            n_words += len(doc)
        seconds += time.perf_counter() - start
    return seconds / n_words


def tag_one_by_one(nlp: spacy.Language) -> float:
    """Microseconds of one call of all components."""
    seconds = []
    for doc in [nlp.make_doc(SENTENCE) for _ in range(200)]:
        start = time.perf_counter()
        for _, pipe in nlp.pipeline:
            pipe(doc)
        seconds.append(time.perf_counter() - start)
    return 1e6 * statistics.median(seconds)


def show_speeds(setting: str, results: dict[str, dict[str, list[float]]]) -> None:
    print(f"\n{setting}: median, and ratio to spaCy's taggers (of times, for one sentence)")
    rows = []
    for name in ["tokenizer", *NAMES]:
        row = [name]
        for by_name in results.values():
            own, peer = by_name.get(name, []), by_name[NAMES[0]]
            ratios = [a / b for a, b in zip(own, peer)]
            row += [f"{statistics.median(own):,.0f}", f"{statistics.median(ratios):.2f}"] if own else ["", ""]
        rows.append(row)
    header = ["", *(text for what in results for text in (what, "ratio"))]
    print(table(rows, header=header, divider=True, aligns=("l", *"r" * 2 * len(results))))


def count_differences(options: argparse.Namespace) -> dict[str, list[int]]:
    """On dev, how many tokens the fast path labels otherwise than the network as it is trained, and how many it labels
    otherwise in bfloat16 than in float32."""
    differences = {}
    for name, nlp in load(options.work, NAMES[1:]).items():
        tagger = nlp.get_pipe("lstm_tagger")
        docs = [copy_words(nlp, doc) for doc in read_dev(options.treebank)]
        labels = {}
        for mixed in (True, False):
            tagger.model.attrs["settings"].mixed_precision = mixed
            labels[mixed] = numpy.concatenate([prediction.labels for prediction in tagger.predict(docs)])
        set_dropout_rate(tagger.model, 0.0)
        n_labels = [len(names) for names in tagger.label_data.values()]
        as_trained = []
        for batch in minibatch(docs, 50):
            scores = numpy.concatenate(tagger.model.begin_update(batch)[0])
            mean = scores.reshape(len(scores), -1, sum(n_labels)).mean(axis=1)
            as_trained.append(
                tagger.label_scheme.choose(
                    dict(zip(tagger.label_data, numpy.split(mean, numpy.cumsum(n_labels)[:-1], axis=1)))
                )[0]
            )
        other = [numpy.concatenate(as_trained), labels[True]]
        differences[name] = [int((labels[False] != rows).any(axis=1).sum()) for rows in other]
    return differences


def measure_growth(options: argparse.Namespace) -> dict[str, dict[str, list[list[float]]]]:
    """Microseconds per word, and MB of memory above the loaded pipeline, by size."""
    dev = read_dev(options.treebank)
    words = [token.text for doc in dev for token in doc]
    totals, doc_lengths = ([n for n in sizes if n <= options.longest] for sizes in (TOTALS, DOC_LENGTHS))
    n_words = options.words // 10
    growth: dict[str, dict[str, list[list[float]]]] = {}
    for name, nlp in load(options.work, NAMES).items():

        def measure(docs: Iterator[Doc], nlp: spacy.Language = nlp, **settings: Any) -> list[float]:
            with peak_memory() as peak:
                seconds = tag_docs(nlp, docs, **settings)
            return [1e6 * seconds, peak[0]]

        def one_doc(n_words: int, nlp: spacy.Language = nlp) -> Doc:
            return Doc(nlp.vocab, words=list(itertools.islice(itertools.cycle(words), n_words)))

        measure(repeat_docs(nlp, dev, n_words))
        growth[name] = {
            "words in all": [[n, *measure(repeat_docs(nlp, dev, n))] for n in totals],
            "words in a doc": [[n, *measure(one_doc(n) for _ in range(max(1, n_words // n)))] for n in doc_lengths],
            "batch_size": [[n, *measure(repeat_docs(nlp, dev, n_words // 2), batch_size=n)] for n in BATCH_SIZES],
        }
    return growth


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """Yield a list that is given, at the end, the MB by which the process grew at its largest."""
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    peak: list[float] = []
    yield peak
    peak.append(memory("VmHWM") - before)


def memory(name: str) -> float:
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) / 1024


def show_growth(growth: dict[str, dict[str, list[list[float]]]]) -> None:
    for what in growth[NAMES[0]]:
        sizes = [row[0] for row in growth[NAMES[0]][what]]
        rows = [
            [f"{n:,}", *(f"{v:,.1f}" for name in NAMES for v in growth[name][what][i][1:])] for i, n in enumerate(sizes)
        ]
        header = [what, *(text for name in NAMES for text in (f"{name} µs/word", "MB"))]
        print(f"\n{table(rows, header=header, divider=True, aligns=tuple('r' * len(header)))}")


def draw(growth: dict[str, dict[str, list[list[float]]]], path: Path) -> None:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(11, 3.4), layout="constrained", sharey=True)
    for ax, what in zip(axes, growth[NAMES[0]]):
        for name, marker in zip(NAMES, "os^"):
            sizes, costs, _ = zip(*growth[name][what])
            ax.loglog(sizes, costs, marker=marker, markersize=4, label=name)
        ax.set_xlabel(what)
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("µs per word, one thread")
    axes[0].legend()
    figure.savefig(path)


PARTS = {"speed": measure_speeds, "labels": count_differences, "growth": measure_growth}

if __name__ == "__main__":
    main()
