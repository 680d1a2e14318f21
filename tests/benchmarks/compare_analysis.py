"""Train and measure this package's configs, and spaCy's four components for the same analysis, in one run.

    python tests/benchmarks/compare_analysis.py TREEBANK [--configs fast accurate] [--seeds 0 1 2] [--work DIR]
        [--steps N] [--max-steps N]

TREEBANK is a directory with files named *-train.conllu and *-dev.conllu. `spacy` is what `spacy init config -o
efficiency` makes of `tagger`, `morphologizer`, `trainable_lemmatizer` and `senter`, with one tok2vec; each config is
trained with all heads and with those for tags alone ("tags"). All learn from the same sentences and documents, by
`spacy train` on one thread; a pipeline that is in DIR already is not trained again.

Accuracies are on the treebank's words and sentences, F-scores on its text in documents, as `measure_analysis.py` has
them, in percent, means over the seeds. Times and sizes are those of the first seed's pipelines: seconds for all dev
words, to spaCy's, taken in turns on one core.
"""

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path

import spacy
import torch
from compare_with_spacy import SPACY, TAGS, find, mean, measure_speeds, peer_config, percent, train, with_heads
from measure_analysis import COLUMNS, measure
from spacy.vocab import Vocab
from thinc.api import Config
from wasabi import table

from spacy_lstm_tagger.annotation_layers import LAYERS
from spacy_lstm_tagger.formats.treebank import read_docs
from spacy_lstm_tagger.shipped import find_config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("treebank", type=Path)
    parser.add_argument("--configs", nargs="+", default=["fast", "accurate"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--work", type=Path, default=Path("benchmark"))
    parser.add_argument("--steps", type=int, help="of the configs, in the place of theirs; spaCy has its own")
    parser.add_argument("--max-steps", type=int, help="train all for so many steps alone, to try the script")
    options = parser.parse_args()
    torch.set_num_threads(1)
    paths = {part: find(options.treebank, part) for part in ("train", "dev")}
    lang = paths["train"].name.split("_")[0]
    configs = {SPACY: make_peer(lang, paths["train"])}
    for name in options.configs:
        configs[name] = make_own(name, tuple(LAYERS), options.steps)
        configs[f"{name}, tags"] = make_own(name, TAGS, options.steps)
    options.work.mkdir(parents=True, exist_ok=True)
    outputs = {name: [options.work / f"{name.replace(', ', '-')}-{seed}" for seed in options.seeds] for name in configs}
    for i, seed in enumerate(options.seeds):
        for name, config in configs.items():
            path = options.work / f"{name.replace(', ', '-')}.cfg"
            config.to_disk(path)
            train(path, outputs[name][i], paths, lang, seed, options.max_steps)

    pipelines = {name: [spacy.load(path / "model-best") for path in of_name] for name, of_name in outputs.items()}
    dev = list(read_docs(paths["dev"], Vocab()))
    speeds = measure_speeds({name: trained[0] for name, trained in pipelines.items()}, dev, repeat=2)
    rows = []
    for name, trained in pipelines.items():
        measured = [measure(nlp, paths["dev"]) for nlp in trained]
        on_words = [mean([scores[f"{layer}_acc"] for scores, _ in measured]) for layer in (*TAGS, "lemma")]
        on_text = [mean([raw[column].fscore if column in raw else None for _, raw in measured]) for column in COLUMNS]
        ratio = statistics.median(own / peer for own, peer in zip(speeds[name], speeds[SPACY]))
        size = sum(path.stat().st_size for path in (outputs[name][0] / "model-best").rglob("*") if path.is_file())
        rows.append([name, *map(percent, (*on_words, *on_text)), f"{ratio:.2f}", f"{size / 1e6:.1f}"])
    header = ["", "XPOS", "UPOS", "FEATS", "lemma", *(f"text: {name}" for name in COLUMNS.values()), "speed", "MB"]
    print(f"\n{options.treebank.name}, dev, one thread, mean of seeds {options.seeds}")
    print(table(rows, header=header, divider=True, aligns=tuple("l" + "r" * (len(header) - 1))))


def make_own(name: str, heads: Sequence[str], steps: int | None) -> Config:
    """One of this package's configs, with some heads, for so many steps or its own number."""
    config = with_heads(name, heads)
    if steps:
        config["training"]["max_steps"] = steps
        config["training"]["optimizer"]["learn_rate"]["total_steps"] = steps
    return config


def make_peer(lang: str, train_path: Path) -> Config:
    """spaCy's components for the layers that the treebank has, which read the data that the configs read."""
    config = peer_config(lang, train_path, "", ["trainable_lemmatizer", "senter"])
    of_ours = Config().from_disk(find_config("fast"), interpolate=False)["corpora"]
    config["corpora"] = {**of_ours, "dev": {**of_ours["dev"], "raw_text": False}}
    return config


if __name__ == "__main__":
    main()
