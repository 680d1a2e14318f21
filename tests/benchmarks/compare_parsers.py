"""Compare a parser that reads the LSTM's states with the same parser on spaCy's own tok2vec: LAS and UAS after the same
number of steps, and how fast the whole pipelines are.

    python tests/benchmarks/compare_parsers.py en_ewt-ud-train.conllu en_ewt-ud-dev.conllu parsers --steps 2000

The pipelines are trained with the settings of `init config --optimize efficiency`, on gold tokens and sentences:

tok2vec     spaCy's tok2vec, tagger, morphologizer and parser, trained together.
joint       an LSTM tagger of the config `fast` and the parser on its states, trained together.
frozen      the pretrained tagger `en`, which is not trained further, and the parser on its states. That tagger has seen
            much more text, and the training part of English-EWT.

What `parsers` has already is not trained again.
"""

import argparse
import copy
import statistics
import time
from pathlib import Path
from typing import Any

import spacy
from spacy import util
from spacy.cli.init_config import init_config
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus
from spacy.training.converters import conllu_to_docs
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from thinc.api import Config
from wasabi import msg

from spacy_lstm_tagger.model.features import get_settings, states_width

N_TURNS = 5
# The parser finds the sentences itself.
HEADS = ["tag", "pos", "morph", "lemma"]
PIPELINES = ("tok2vec", "joint", "frozen")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, help="CoNLL-U file")
    parser.add_argument("dev", type=Path, help="CoNLL-U file")
    parser.add_argument("output", type=Path, help="directory for the pipelines")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pipelines", nargs="+", choices=PIPELINES, default=PIPELINES)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    corpora = {part: convert(getattr(options, part), options.output / f"{part}.spacy") for part in ("train", "dev")}
    for name in options.pipelines:
        path = options.output / name
        if not (path / "model-last").exists():
            config = make_config(name, corpora, options.steps, options.seed)
            path.mkdir(exist_ok=True)
            train(init_nlp(config), path)
    pipelines = {name: spacy.load(options.output / name / "model-last") for name in options.pipelines}
    scores = {name: score(nlp, corpora["dev"]) for name, nlp in pipelines.items()}
    speeds = measure_speeds(pipelines, corpora["dev"])
    slowest = speeds[options.pipelines[0]]
    rows = [
        [
            name,
            *(f"{100 * scores[name][key]:.2f}" for key in ("dep_las", "dep_uas", "tag_acc", "pos_acc")),
            f"{speeds[name] / 1000:.1f}k",
            f"{speeds[name] / slowest:.2f}",
        ]
        for name in pipelines
    ]
    header = ["pipeline", "LAS", "UAS", "XPOS", "UPOS", "words/s", f"to {options.pipelines[0]}"]
    msg.table(rows, header=header, divider=True, aligns=tuple("lrrrrrr"))


def convert(source: Path, target: Path) -> Path:
    """RETURNS (Path): The treebank as spaCy reads it, in docs of ten sentences."""
    if not target.exists():
        docs = conllu_to_docs(source.read_text("utf8"), n_sents=10, no_print=True)
        DocBin(docs=docs, store_user_data=True).to_disk(target)
    return target


def make_config(name: str, corpora: dict[str, Path], steps: int, seed: int) -> Config:
    """RETURNS (Config): The config of one of the pipelines."""
    if name == "tok2vec":
        config = init_config(lang="en", pipeline=["tagger", "morphologizer", "parser"], optimize="efficiency")
    else:
        config = init_config(lang="en", pipeline=["parser"], optimize="efficiency")
        config["nlp"]["pipeline"] = ["lstm_tagger", "parser"]
        del config["components"]["tok2vec"]
        tagger: dict[str, Any] = {"factory": "lstm_tagger", "heads": HEADS}
        if name == "frozen":
            tagger.update(pretrained="en", store_states=True)
            config["training"]["frozen_components"] = ["lstm_tagger"]
            config["training"]["annotating_components"] = ["lstm_tagger"]
        config["components"]["lstm_tagger"] = tagger
        config["components"]["parser"]["model"]["tok2vec"] = {
            "@architectures": "spacy.Tok2VecListener.v1",
            "width": find_width(tagger),
            "upstream": "lstm_tagger",
        }
        config["training"]["score_weights"] = {"dep_las": 1.0}
    config = Config(copy.deepcopy(config), is_interpolated=False)
    config["paths"].update({part: str(path) for part, path in corpora.items()})
    for reader in config["corpora"].values():
        reader["gold_preproc"] = True
    config["system"]["seed"] = seed
    config["training"].update(max_steps=steps, max_epochs=0, patience=0, eval_frequency=steps)
    return config


def find_width(tagger: dict[str, Any]) -> int:
    """RETURNS (int): The width of a tagger's states."""
    pipe: Any = spacy.blank("en").add_pipe("lstm_tagger", config={k: v for k, v in tagger.items() if k != "factory"})
    if "pretrained" in tagger:
        return states_width(pipe.model)
    sizes = get_settings(pipe.model).sizes
    return int(sizes["n_members"] * (1 + sizes["bidirectional"]) * sizes["hidden_width"])


def score(nlp: Language, dev: Path) -> dict[str, Any]:
    """RETURNS (dict): The scores on gold tokens and sentences."""
    util.fix_random_seed(0)
    return nlp.evaluate(list(Corpus(dev, gold_preproc=True)(nlp)))


def measure_speeds(pipelines: dict[str, Language], dev: Path) -> dict[str, float]:
    """RETURNS (dict[str, float]): Words a second on docs of ten sentences, medians of several turns."""
    speeds: dict[str, list[float]] = {name: [] for name in pipelines}
    for _ in range(1 + N_TURNS):  # the first is for caches
        for name, nlp in pipelines.items():
            docs = [
                Doc(nlp.vocab, [t.text for t in doc], [bool(t.whitespace_) for t in doc])
                for doc in DocBin().from_disk(dev).get_docs(nlp.vocab)
            ]
            start = time.perf_counter()
            n_words = sum(len(doc) for doc in nlp.pipe(docs))
            speeds[name].append(n_words / (time.perf_counter() - start))
    return {name: statistics.median(of_pipeline[1:]) for name, of_pipeline in speeds.items()}


if __name__ == "__main__":
    main()
