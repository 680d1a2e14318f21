"""Measure how fast pipelines train and tag on a GPU, and which share of tagging is the LSTM.

    python tests/benchmarks/measure_gpu.py TREEBANK [--lang LANG] [--words N] [--steps N]

TREEBANK is a directory with files named *-train.conllu and *-dev.conllu. Tagging is timed from docs with words to docs
with all layers set, in one process. spaCy's own taggers are measured too where CuPy is installed, which they need.
"""

import argparse
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import spacy
import torch
from compare_with_spacy import convert, find, peer_config
from measure_speed import read_dev, repeat_docs, tag_docs
from spacy.schemas import ConfigSchemaTraining
from spacy.training.initialize import init_nlp
from spacy.util import load_config, registry, resolve_dot_names
from thinc.api import require_gpu
from thinc.compat import has_cupy_gpu
from wasabi import table

from spacy_lstm_tagger.inference import stepped_lstms
from spacy_lstm_tagger.shipped import find_config

BATCH_SIZES = [64, 256, 1_024, 4_096]
WARM_UP = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("treebank", type=Path)
    parser.add_argument("--work", type=Path, default=Path("benchmark"))
    parser.add_argument("--lang", help="spaCy's language code; default: what the files' names begin with")
    parser.add_argument("--words", type=int, default=200_000, help="how many to tag with each size of a batch")
    parser.add_argument("--steps", type=int, default=200, help="how many to train for")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("PyTorch finds no GPU here.")
    options.work.mkdir(parents=True, exist_ok=True)
    paths = {part: convert(options.treebank, options.work, part) for part in ("train", "dev")}
    dev = read_dev(options.treebank)
    lang = options.lang or find(options.treebank, "train").name.split("_")[0]
    print(torch.cuda.get_device_name(), "and one core of its host")
    rows = []
    for name in ["fast", "accurate", *(["spacy"] if has_cupy_gpu else [])]:
        if name == "spacy":
            require_gpu(0)
            config = peer_config(lang, paths["train"], "")
        else:
            config = load_config(find_config(name))
            config["components"]["lstm_tagger"]["model"]["device"] = "cuda:0"
            config["nlp"]["lang"] = lang
        config["paths"] = {**config["paths"], **{part: str(path) for part, path in paths.items()}}
        nlp = init_nlp(config)
        row = [name, f"{train(nlp, options.steps):,.0f}"]
        for size in (BATCH_SIZES[-1], *BATCH_SIZES):  # the first warms up
            seconds = tag_docs(nlp, repeat_docs(nlp, dev, options.words), batch_size=size)
            with timed_steps() as spent:
                in_all = options.words * tag_docs(nlp, repeat_docs(nlp, dev, options.words), batch_size=size)
            row += [f"{1 / seconds:,.0f}", f"{sum(spent) / in_all:.0%}" if spent else ""]
        rows.append(row[:2] + row[4:])
    header = ["words/s", "training", *(text for size in BATCH_SIZES for text in (f"batch_size {size:,}", "LSTM"))]
    print(table(rows, header=header, divider=True, aligns=("l", *"r" * (len(header) - 1))))


def train(nlp: spacy.Language, n_steps: int) -> float:
    """Words per second of training, as `spacy train` does it, without evaluation."""
    settings = registry.resolve(nlp.config.interpolate()["training"], schema=ConfigSchemaTraining)
    (corpus,) = resolve_dot_names(nlp.config.interpolate(), [settings["train_corpus"]])
    examples = list(corpus(nlp))
    batches = settings["batcher"](itertools.cycle(examples))
    n_words, start = 0, 0.0
    for step, batch in enumerate(itertools.islice(batches, WARM_UP + n_steps)):
        if step == WARM_UP:
            torch.cuda.synchronize()
            n_words, start = 0, time.perf_counter()
        nlp.update(batch, drop=settings["dropout"], sgd=settings["optimizer"])
        settings["optimizer"].step_schedules()
        n_words += sum(len(eg) for eg in batch)
    torch.cuda.synchronize()
    return n_words / (time.perf_counter() - start)


@contextmanager
def timed_steps() -> Iterator[list[float]]:
    """Yield a list of the seconds that the LSTMs' steps take, with the GPU waited for before and after."""
    spent: list[float] = []
    take_steps = stepped_lstms.take_steps

    def timed(*arguments: object) -> torch.Tensor:
        torch.cuda.synchronize()
        start = time.perf_counter()
        states = take_steps(*arguments)
        torch.cuda.synchronize()
        spent.append(time.perf_counter() - start)
        return states

    with mock.patch.object(stepped_lstms, "take_steps", timed):
        yield spent


if __name__ == "__main__":
    main()
