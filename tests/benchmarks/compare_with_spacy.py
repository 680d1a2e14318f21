"""Train and measure this package's configs and spaCy's tagger + morphologizer on one treebank, in one run.

    python tests/benchmarks/compare_with_spacy.py TREEBANK [--configs fast accurate] [--seeds 0 1 2] [--work DIR]
        [--peers accuracy bilstm] [--max-steps N]

TREEBANK is a directory with files named *-train.conllu and *-dev.conllu. Each pipeline is trained on one thread with
`spacy train`, on gold tokens; speeds are taken in turns in one process on one core. A pipeline that is in DIR
already is not trained again. Accuracies are means over the seeds; speed is that of the first seed's pipelines.
The configs have heads for tags, UPOS and features alone. The peer is what `spacy init config -o efficiency` makes; with
--peers, also what `-o accuracy` makes, without vectors, and the first with spaCy's BiLSTM in the place of its CNN.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import spacy
import torch
from spacy.cli.init_config import init_config
from spacy.tokens import Doc, DocBin
from thinc.api import Config
from wasabi import table

from spacy_lstm_tagger.formats.treebank import read_docs
from spacy_lstm_tagger.pipeline.gold_labels import collect_annotations, collect_labels
from spacy_lstm_tagger.shipped import find_config

ROUNDS = 5


SPACY = "spacy"
PEERS = ["accuracy", "bilstm"]
TAGS = ("tag", "pos", "morph")
CHANGES = {"": str, "lower-cased": str.lower, "upper-cased": str.upper}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("treebank", type=Path)
    parser.add_argument("--configs", nargs="+", default=["fast", "accurate"])
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=[])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--work", type=Path, default=Path("benchmark"))
    parser.add_argument("--max-steps", type=int, help="train for so many steps alone, to try the script")
    parser.add_argument("--lang", help="spaCy's language code; default: what the files' names begin with")
    parser.add_argument("--core", type=int, default=0, help="the core to run on")
    parser.add_argument("--repeat", type=int, default=4, help="how often the dev words are tagged in a round")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.core})
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    paths = {part: convert(options.treebank, options.work, part) for part in ("train", "dev")}

    lang = options.lang or find(options.treebank, "train").name.split("_")[0]
    configs = {}
    for peer in ("", *options.peers):
        name = f"{SPACY}-{peer}" if peer else SPACY
        configs[name] = options.work / f"{name}.cfg"
        peer_config(lang, paths["train"], peer).to_disk(configs[name])
    for name in options.configs:
        configs[name] = options.work / f"{name}.cfg"
        tags_alone(name).to_disk(configs[name])
    outputs = {name: {seed: options.work / f"{name}-{seed}" for seed in options.seeds} for name in configs}
    for seed in options.seeds:
        for name, config in configs.items():
            train(config, outputs[name][seed], paths, lang, seed, options.max_steps)

    pipelines = {name: [spacy.load(path / "model-best") for path in outputs[name].values()] for name in configs}
    dev = list(read_docs(paths["dev"], spacy.vocab.Vocab()))
    known = {token.text.lower() for doc in read_docs(paths["train"], spacy.vocab.Vocab()) for token in doc}
    speeds = measure_speeds({name: trained[0] for name, trained in pipelines.items()}, dev, options.repeat)
    rows, details = [], []
    for name, trained in pipelines.items():
        scores = [accuracies(nlp, dev, known) for nlp in trained]
        seconds = [training_times(outputs[name][seed], outputs[SPACY][seed]) for seed in options.seeds]
        speed = statistics.median(speeds[name])
        ratio = statistics.median(own / peer for own, peer in zip(speeds[name], speeds[SPACY]))
        times = [f"{statistics.mean(column):.0f}" for column in zip(*seconds)]
        rows.append([name, *map(percent, map(mean, zip(*scores))), *times, f"{speed / 1000:.1f}k", f"{ratio:.2f}"])
        details += [[name, str(seed), *map(percent, row)] for seed, row in zip(options.seeds, scores)]
    accuracy_names = ["UPOS", "XPOS", "UPOS+FEATS", "UPOS unknown", "UPOS lower-cased", "UPOS upper-cased"]
    header = ["", *accuracy_names, "s to spaCy's best", "training s", "words/s", "ratio"]
    print(f"\n{options.treebank.name}, dev, gold tokens, one thread, mean of seeds {options.seeds}")
    print(table(rows, header=header, divider=True, aligns=tuple("l" + "r" * 10)))
    if len(options.seeds) > 1:
        print(table(details, header=["", "seed", *accuracy_names], divider=True, aligns=tuple("l" + "r" * 7)))


def mean(values: Sequence[float | None]) -> float | None:
    return None if None in values else statistics.mean(values)


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"


def find(treebank: Path, part: str) -> Path:
    (path,) = treebank.glob(f"*-{part}.conllu")
    return path


def convert(treebank: Path, work: Path, part: str) -> Path:
    target = work / f"{part}.spacy"
    DocBin(docs=read_docs(find(treebank, part), spacy.vocab.Vocab())).to_disk(target)
    return target


def peer_config(lang: str, train_path: Path, peer: str, others: Sequence[str] = ()) -> Config:
    """Configure spaCy's taggers for the layers that the treebank has, as one of PEERS or for efficiency, and others of
    its components."""
    docs = read_docs(train_path, spacy.vocab.Vocab())
    has_tags = "tag" in collect_labels(collect_annotations(docs), neg_prefix="!")
    config = init_config(
        lang=lang,
        pipeline=[*(["tagger"] if has_tags else []), "morphologizer", *others],
        optimize="accuracy" if peer == "accuracy" else "efficiency",
    )
    tok2vec = config["components"]["tok2vec"]["model"]
    if peer == "accuracy":
        config["paths"]["vectors"] = None
        tok2vec["embed"]["include_static_vectors"] = False
    elif peer == "bilstm":
        bilstm = {"@architectures": "spacy.TorchBiLSTMEncoder.v1", "depth": 2, "dropout": 0.2}
        tok2vec["encode"] = {**bilstm, "width": tok2vec["encode"]["width"]}
    if has_tags:
        config["components"]["tagger"]["neg_prefix"] = "not-"  # spaCy stumbles over the tag "!"
    return config


def tags_alone(name: str) -> Config:
    """One of this package's configs, with heads and data for what spaCy's two taggers annotate."""
    config = with_heads(name, TAGS)
    for part in ("train", "dev"):
        config["corpora"][part]["documents"] = 0
    return config


def with_heads(name: str, heads: Sequence[str]) -> Config:
    """One of this package's configs, with some heads."""
    config = Config().from_disk(find_config(name), interpolate=False)
    config["components"]["lstm_tagger"]["heads"] = list(heads)
    return config


def train(
    config: Path, output: Path, paths: dict[str, Path], lang: str, seed: int, max_steps: int | None = None
) -> None:
    """Train, and keep what the command prints, with the seconds after which it does."""
    log = output / "log.json"
    if log.exists():
        return
    command = [sys.executable, "-m", "spacy", "train", str(config), "--output", str(output), f"--nlp.lang={lang}"]
    command += [f"--paths.{part}={path}" for part, path in paths.items()]
    command += [f"--corpora.{part}.gold_preproc=true" for part in paths]
    command += [f"--system.seed={seed}"]
    if max_steps:
        command += [f"--training.max_steps={max_steps}", f"--training.eval_frequency={max_steps}"]
    start = time.perf_counter()
    lines = []
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "ANSI_COLORS_DISABLED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append([time.perf_counter() - start, line.rstrip()])
    if process.returncode:
        raise SystemExit(f"{command} failed.")
    log.write_text(json.dumps(lines))


def training_times(output: Path, peer: Path) -> tuple[float, float]:
    """Seconds until a pipeline has tag_acc and pos_acc of the best one that spaCy's training found, and in all."""
    rows = [scores for _, scores in evaluations(peer)]
    names = [name for name in ("TAG_ACC", "POS_ACC") if name in rows[0]]
    best = max(rows, key=lambda scores: sum(scores[name] for name in names))
    passed = (s for s, scores in evaluations(output) if all(scores[name] >= best[name] for name in names))
    return next(passed, float("nan")), json.loads((output / "log.json").read_text())[-1][0]


def evaluations(output: Path) -> list[tuple[float, dict[str, float]]]:
    """The rows that spaCy prints in training: when, and the scores by the names in the table's head."""
    rows: list[tuple[float, dict[str, float]]] = []
    names: list[str] = []
    for seconds, line in json.loads((output / "log.json").read_text()):
        cells = re.split(r" {2,}", line.strip())
        if cells[0] == "E":
            names = cells
        elif names and len(line.split()) == len(names) and cells[0].isdigit():
            rows.append((seconds, dict(zip(names, map(float, line.split())))))
    return rows


def accuracies(nlp: spacy.Language, dev: list[Doc], known: set[str]) -> list[float | None]:
    """UPOS, XPOS, UPOS and FEATS both right, UPOS of words that are not in the training data in any case, and UPOS
    where all of dev is in lower case and in upper case."""
    tagged = {name: list(nlp.pipe([copy_words(nlp, doc, change) for doc in dev])) for name, change in CHANGES.items()}
    golds = [token for doc in dev for token in doc]
    plain, *others = [[token for doc in docs for token in doc] for docs in tagged.values()]
    upos = [gold.pos_ == given.pos_ for gold, given in zip(golds, plain)]
    scores = [
        upos,
        [gold.tag_ == given.tag_ for gold, given in zip(golds, plain) if gold.tag_],
        [right and str(gold.morph) == str(given.morph) for right, gold, given in zip(upos, golds, plain)],
        [right for right, gold in zip(upos, golds) if gold.text.lower() not in known],
        *([gold.pos_ == given.pos_ for gold, given in zip(golds, tokens)] for tokens in others),
    ]
    return [sum(score) / len(score) if score else None for score in scores]


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


def copy_words(nlp: spacy.Language, doc: Doc, change: Callable[[str], str] = str) -> Doc:
    words = [change(token.text) for token in doc]
    return Doc(nlp.vocab, words=words, spaces=[bool(token.whitespace_) for token in doc])


if __name__ == "__main__":
    main()
