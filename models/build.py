"""Build a model package from a treebank: a tagger with all heads that the treebank allows, installable with pip.

    python models/build.py UD_French-Sequoia models/fr_lstm_ud
    pip install models/fr_lstm_ud

The package's name begins with the code of the language; `spacy.load("fr_lstm_ud")` loads it, and spacy-lstm-tagger
finds it as "fr" (--offers), by an entry point. Its README has the model card, and scores on dev: on the treebank's
words, and on its text in documents, as `tests/benchmarks/measure_analysis.py` measures them. With --peer DIR, another
pipeline stands beside it in the table, such as spaCy's own components that were trained on the same data.

A training that is complete in --work is not repeated, and one that was interrupted goes on. --trained takes a pipeline
from elsewhere, which was trained in the same way.
"""

import argparse
import shutil
import statistics
import sys
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import spacy
import srsly
import torch
from spacy.cli.package import generate_readme
from spacy.language import Language
from spacy.training.loop import DIR_MODEL_BEST
from spacy.util import load_config, load_model_from_config
from spacy.vocab import Vocab

from spacy_lstm_tagger import __version__
from spacy_lstm_tagger.annotation_layers import NAMES
from spacy_lstm_tagger.commands.train import train
from spacy_lstm_tagger.formats.treebank import find_part, read_docs
from spacy_lstm_tagger.formats.treebank_directory import Treebank, describe_treebank
from spacy_lstm_tagger.pipeline.model_card import write_card
from spacy_lstm_tagger.pipeline.treebank_tokenizer import TreebankTokenizer
from spacy_lstm_tagger.training.checkpoint import CHECKPOINT, WORK

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "benchmarks"))

from compare_with_spacy import measure_speeds  # noqa: E402
from measure_analysis import COLUMNS, measure, percent  # noqa: E402

LAYERS = ("pos", "tag", "morph", "lemma")
AFFIXES = ("prefix_search", "suffix_search", "infix_finditer")
PEER = "spaCy"
SPACY = ">=3.8.2,<3.9.0"
REQUIREMENTS = [f"spacy-lstm-tagger>={__version__}", f"spacy{SPACY}"]
README = """\
# {package}

{card}

### Use

    import spacy

    nlp = spacy.load("{package}")

### Scores on dev

In percent: accuracies on the treebank's words and sentences, and F-scores on its text in documents, as in the CoNLL
2018 shared task. Speed on docs of dev, one thread, as a ratio to that of spaCy's components where they are in the
table.

{table}"""
INIT = """\
from pathlib import Path

from spacy.util import get_model_meta, load_model_from_init_py

__version__ = get_model_meta(Path(__file__).parent)["version"]


def load(**overrides):
    return load_model_from_init_py(__file__, **overrides)
"""
PYPROJECT = """\
[build-system]
requires = ["setuptools>=62.3"]
build-backend = "setuptools.build_meta"

[project]
name = "{package}"
version = "{version}"
description = "{description}"
readme = "README.md"
license = {{ text = "{license}" }}
dependencies = {requirements}

[project.entry-points.spacy_models]
{package} = "{package}"

[project.entry-points.spacy_lstm_tagger_models]
{offers} = "{package}"

[tool.setuptools]
packages = ["{package}"]

[tool.setuptools.package-data]
{package} = ["meta.json", "{package}-{version}/**"]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("treebank", type=Path, help="directory of the treebank, with a train and a dev part")
    parser.add_argument("output", type=Path, help="directory for the package; its name is the package's")
    parser.add_argument("--offers", help="the tagger's short name; default: the code of the language")
    parser.add_argument("--config", default="fast")
    parser.add_argument("--steps", type=int, help="train for so many steps; default: the config's")
    parser.add_argument("--work", type=Path, help="directory for the training; default: OUTPUT with -training")
    parser.add_argument("--trained", type=Path, help="a trained pipeline, instead of training one")
    parser.add_argument("--peer", type=Path, help="another pipeline, to stand in the table of scores")
    options = parser.parse_args()
    treebank = describe_treebank(options.treebank)
    if treebank is None:
        parser.error(f"{options.treebank} is not the directory of a treebank.")
    if not treebank.license:
        parser.error(f"The licence of {treebank.name} is not known. Name it in its README.md or LICENSE.txt.")
    if not options.output.name.isidentifier():
        parser.error(f"{options.output.name} cannot be the name of a Python package.")
    torch.set_num_threads(1)
    work = options.work or options.output.with_name(f"{options.output.name}-training")
    trained = options.trained or train_once(options.treebank, work, options.config, options.steps)
    nlp = load_without_words(trained)
    package = options.output.name
    if not package.startswith(f"{nlp.lang}_"):
        parser.error(f"The name of a package for the language {nlp.lang} begins with {nlp.lang}_, not as {package}.")
    describe(nlp, package, treebank)
    write_package(nlp, options.output, options.offers or nlp.lang)
    add_scores(options.output, nlp.meta["version"], find_part(options.treebank, "dev"), options.peer)


def train_once(treebank: Path, work: Path, config: str, steps: int | None) -> Path:
    """Train, unless that is done; go on with what was interrupted."""
    best = work / DIR_MODEL_BEST
    interrupted = (work / WORK / CHECKPOINT).exists()
    overrides = {}
    if steps is not None:
        names = ("training.max_steps", "training.optimizer.learn_rate.total_steps")
        overrides = {**dict.fromkeys(names, steps), "training.eval_frequency": max(1, steps // 4)}
    if not best.exists() or interrupted:
        train(treebank, work, config=config, resume=interrupted, overrides=overrides)
    return best


def load_without_words(trained: Path) -> Language:
    """Load a pipeline without the words of the treebank, of which the tagger has the hashes: they are in the vocab, and
    in exceptions of the tokenizer."""
    nlp = load_model_from_config(load_config(trained / "config.cfg"))
    if isinstance(nlp.tokenizer, TreebankTokenizer):
        learned = spacy.load(trained, exclude=nlp.pipe_names).tokenizer
        for setting in AFFIXES:
            setattr(nlp.tokenizer, setting, getattr(learned, setting))
        return nlp.from_disk(trained, exclude=["vocab", "tokenizer"])
    return nlp.from_disk(trained, exclude=["vocab"])


def describe(nlp: Language, package: str, treebank: Treebank) -> None:
    """Fill in the pipeline's `meta`. What training wrote of the treebank is written anew, and paths of its files are
    left out."""
    for field in ("license", "sources", "performance"):
        nlp.meta.pop(field, None)
    write_card(nlp, treebank)
    nlp.meta.update(
        name=package.partition("_")[2],
        version=__version__,
        author=metadata("spacy-lstm-tagger")["Author"],
        requirements=REQUIREMENTS,
        spacy_version=SPACY,
    )
    nlp.config["paths"].update(train=None, dev=None)
    nlp.config["training"]["logger"].pop("output_file", None)


def write_package(nlp: Language, output: Path, offers: str) -> None:
    """Write what pip installs: spaCy's form of a pipeline's package, with a second entry point."""
    package, version = output.name, nlp.meta["version"]
    shutil.rmtree(output, ignore_errors=True)
    (output / package).mkdir(parents=True)
    nlp.to_disk(output / package / f"{package}-{version}")
    (output / package / "__init__.py").write_text(INIT, encoding="utf8")
    pyproject = PYPROJECT.format(
        package=package,
        version=version,
        description=nlp.meta["description"],
        license=nlp.meta["license"],
        requirements=srsly.json_dumps(REQUIREMENTS),
        offers=offers,
    )
    (output / "pyproject.toml").write_text(pyproject, encoding="utf8")


def add_scores(output: Path, version: str, dev: Path, peer: Path | None) -> None:
    """Measure the package's pipeline, as it is stored, and its peer, and write its README and `meta.json`."""
    package = output.name
    directory = output / package / f"{package}-{version}"
    pipelines = {package: spacy.load(directory)}
    if peer is not None:
        pipelines[PEER] = spacy.load(peer)
    scores = {name: measure(nlp, dev) for name, nlp in pipelines.items()}
    on_words, on_text = scores[package]
    for layer in LAYERS:
        if on_words[f"{layer}_acc"] is None:  # the treebank lacks the layer
            for _, of_text in scores.values():
                of_text.pop(layer, None)
    meta: dict[str, Any] = srsly.read_json(directory / "meta.json")
    of_words = {f"{layer}_acc": on_words[f"{layer}_acc"] for layer in LAYERS}
    of_text = {f"raw_{column}_f": score.fscore for column, score in on_text.items()}
    meta["performance"] = {name: score for name, score in {**of_words, **of_text}.items() if score is not None}
    for path in (directory / "meta.json", output / package / "meta.json"):
        srsly.write_json(path, meta)
    speeds = measure_speeds(pipelines, list(read_docs(dev, Vocab())), repeat=2)
    rows = []
    for name, (of_words, of_text) in scores.items():
        path = directory if name == package else peer
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        ratio = statistics.median(own / other for own, other in zip(speeds[name], speeds.get(PEER, speeds[package])))
        cells = [
            *(percent(of_words[f"{layer}_acc"]) for layer in LAYERS),
            *(percent(of_text[column].fscore if column in of_text else None) for column in COLUMNS),
            f"{size / 1e6:.1f}",
            f"{ratio:.1f}",
        ]
        rows.append([name, *cells])
    header = ["", *(NAMES[layer] for layer in LAYERS), *(f"text: {name}" for name in COLUMNS.values()), "MB", "speed"]
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    card = generate_readme({field: value for field, value in meta.items() if value})
    (output / "README.md").write_text(README.format(package=package, card=card, table=table), encoding="utf8")
    print(table)


if __name__ == "__main__":
    main()
