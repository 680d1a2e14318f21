"""Train and measure this package's configs and spaCy's tagger + morphologizer on one treebank, in one run.

    python tests/benchmarks/compare_with_spacy.py TREEBANK [--configs fast accurate] [--work DIR]

TREEBANK is a directory with files named *-train.conllu and *-dev.conllu. Each pipeline is trained on one thread with
`spacy train`, on gold tokens; speeds are taken in turns in one process on one core. A pipeline that is in DIR
already is not trained again.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import spacy
import torch
from spacy.cli.init_config import init_config
from spacy.tokens import Doc, DocBin
from thinc.api import Config
from wasabi import table

from spacy_lstm_tagger.labels import collect_labels
from spacy_lstm_tagger.treebank import read_docs

ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("treebank", type=Path)
    parser.add_argument("--configs", nargs="+", default=["fast", "accurate"])
    parser.add_argument("--work", type=Path, default=Path("benchmark"))
    parser.add_argument("--lang", help="spaCy's language code; default: what the files' names begin with")
    parser.add_argument("--core", type=int, default=0, help="the core to run on")
    parser.add_argument("--repeat", type=int, default=4, help="how often the dev words are tagged in a round")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.core})
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    paths = {part: convert(options.treebank, options.work, part) for part in ("train", "dev")}

    configs = {"spacy": options.work / "spacy.cfg"}
    lang = options.lang or find(options.treebank, "train").name.split("_")[0]
    peer_config(lang, paths["train"]).to_disk(configs["spacy"])
    for name in options.configs:
        configs[name] = Path(str(files("spacy_lstm_tagger.configs") / f"{name}.cfg"))
    for name, config in configs.items():
        train(config, options.work / name, paths, lang)
    pipelines = {name: spacy.load(options.work / name / "model-best") for name in configs}

    dev = list(read_docs(paths["dev"], pipelines["spacy"].vocab))
    known = {token.lower_ for doc in read_docs(paths["train"], pipelines["spacy"].vocab) for token in doc}
    speeds = measure_speeds(pipelines, dev, options.repeat)
    rows = []
    for name, nlp in pipelines.items():
        scores = accuracies(nlp, dev, known)
        seconds = (options.work / name / "seconds.txt").read_text()
        speed = statistics.median(speeds[name])
        ratio = statistics.median(own / peer for own, peer in zip(speeds[name], speeds["spacy"]))
        rows.append(
            [
                name,
                *(f"{100 * x:.2f}" if x is not None else "-" for x in scores),
                seconds,
                f"{speed / 1000:.1f}k",
                f"{ratio:.2f}",
            ]
        )
    header = ["", "UPOS", "XPOS", "UPOS+FEATS", "UPOS unknown", "training s", "words/s", "ratio"]
    print(f"\n{options.treebank.name}, dev, gold tokens, one thread")
    print(table(rows, header=header, divider=True, aligns=tuple("lrrrrrrr")))


def find(treebank: Path, part: str) -> Path:
    (path,) = treebank.glob(f"*-{part}.conllu")
    return path


def convert(treebank: Path, work: Path, part: str) -> Path:
    target = work / f"{part}.spacy"
    DocBin(docs=read_docs(find(treebank, part), spacy.vocab.Vocab())).to_disk(target)
    return target


def peer_config(lang: str, train_path: Path) -> Config:
    """Configure spaCy's taggers for the layers that the treebank has."""
    has_tags = "tag" in collect_labels(read_docs(train_path, spacy.vocab.Vocab()), neg_prefix="!")
    config = init_config(
        lang=lang, pipeline=["tagger", "morphologizer"] if has_tags else ["morphologizer"], optimize="efficiency"
    )
    if has_tags:
        config["components"]["tagger"]["neg_prefix"] = "not-"  # spaCy stumbles over the tag "!"
    return config


def train(config: Path, output: Path, paths: dict[str, Path], lang: str) -> None:
    if (output / "seconds.txt").exists():
        return
    command = [sys.executable, "-m", "spacy", "train", str(config), "--output", str(output), f"--nlp.lang={lang}"]
    command += [f"--paths.{part}={path}" for part, path in paths.items()]
    command += [f"--corpora.{part}.gold_preproc=true" for part in paths]
    start = time.perf_counter()
    subprocess.run(command, check=True)
    (output / "seconds.txt").write_text(f"{time.perf_counter() - start:.0f}")


def accuracies(nlp: spacy.Language, dev: list[Doc], known: set[str]) -> list[float | None]:
    """UPOS, XPOS, UPOS and FEATS both right, UPOS of words that are not in the training data in any case."""
    right = {"pos": 0, "tag": 0, "both": 0, "unknown": 0}
    n_words = n_unknown = 0
    for gold_doc, doc in zip(dev, nlp.pipe([copy_words(nlp, doc) for doc in dev])):
        for gold, given in zip(gold_doc, doc):
            n_words += 1
            right["pos"] += gold.pos_ == given.pos_
            right["tag"] += gold.tag_ == given.tag_
            right["both"] += gold.pos_ == given.pos_ and str(gold.morph) == str(given.morph)
            if gold.lower_ not in known:
                n_unknown += 1
                right["unknown"] += gold.pos_ == given.pos_
    tag = right["tag"] / n_words if any(doc.has_annotation("TAG") for doc in dev) else None
    return [right["pos"] / n_words, tag, right["both"] / n_words, right["unknown"] / n_unknown]


def measure_speeds(pipelines: dict[str, spacy.Language], dev: list[Doc], repeat: int) -> dict[str, list[float]]:
    """Words per second of each pipeline in each round, from docs with words to docs with all layers set."""
    n_words = repeat * sum(len(doc) for doc in dev)
    speeds: dict[str, list[float]] = {name: [] for name in pipelines}
    for turn in range(ROUNDS + 1):
        for name, nlp in pipelines.items():
            docs = [copy_words(nlp, doc) for _ in range(repeat) for doc in dev]
            start = time.perf_counter()
            for _ in nlp.pipe(docs):
                pass
            if turn:  # the first round warms up
                speeds[name].append(n_words / (time.perf_counter() - start))
    return speeds


def copy_words(nlp: spacy.Language, doc: Doc) -> Doc:
    words = [token.text for token in doc]
    return Doc(nlp.vocab, words=words, spaces=[bool(token.whitespace_) for token in doc])


if __name__ == "__main__":
    main()
