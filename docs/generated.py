"""What is filled into the pages of settings and of commands when they are built: see `hooks` in mkdocs.yml."""

import inspect
import re
from typing import Any, Callable, Dict, Iterator, List, Tuple

import srsly
from spacy.cli import app
from spacy.util import load_model_from_config, registry
from thinc.api import Config
from typer.testing import CliRunner

from spacy_lstm_tagger.commands import lstm_tagger_cli
from spacy_lstm_tagger.pipeline.component import LSTMTaggerPipe
from spacy_lstm_tagger.shipped import configs_directory

DEFAULT = "fast"
# Of the commands' help, in characters.
WIDTH = 80
# A section of all configs, and its title.
SECTIONS = {
    "components.lstm_tagger": "The component",
    "components.lstm_tagger.model": "The network",
    "components.lstm_tagger.model.vocabulary": "What is read of a word",
    "corpora.train": "Training data",
    "corpora.dev": "Development data",
    "nlp": "The pipeline",
    "nlp.tokenizer": "The tokenizer",
    "paths": "Paths",
    "system": "System",
    "initialize": "Initialization",
    "initialize.components.lstm_tagger": "Initialization of the component",
    "training": "Training",
    "training.batcher": "Batches",
    "training.optimizer": "The optimizer",
    "training.optimizer.learn_rate": "The learning rate",
    "training.logger": "The log",
    "training.score_weights": "What the best model is chosen by",
}
# Settings with a value that is no section, though it looks like one.
MAPPINGS = ("tag_map", "weights")
# The settings of spaCy and thinc that the configs name. Those of this package are described where they are used.
MEANINGS = {
    "paths.train": "The training data, in any form that `train` reads.",
    "paths.dev": "The development data.",
    "paths.vectors": "A pipeline or package with word vectors, for `include_static_vectors`.",
    "system.gpu_allocator": "`pytorch`, if spaCy is to share a GPU's memory with PyTorch.",
    "system.seed": "The random seed.",
    "nlp.lang": "The code of the language, by which spaCy chooses a tokenizer.",
    "nlp.pipeline": "The components, in their order.",
    "nlp.batch_size": "How many docs `nlp.pipe` gives to the component at once.",
    "initialize.vectors": "The word vectors that the pipeline is initialized with.",
    "training.train_corpus": "The section of the training data.",
    "training.dev_corpus": "The section of the development data.",
    "training.seed": "The random seed of training.",
    "training.gpu_allocator": "As in the section `system`.",
    "training.dropout": "The rate of dropout between the layers.",
    "training.max_epochs": "The most passes over the training data. 0: no limit.",
    "training.max_steps": "The most updates.",
    "training.eval_frequency": "After how many updates the model is evaluated, and saved if it is the best so far.",
    "training.patience": "After how many updates without a better score training ends. 0: never.",
    "training.batcher.@batchers": "The batcher.",
    "training.batcher.size": "The number of words, or with spaCy's batcher of sentences, at which a batch is full.",
    "training.logger.@loggers": "The logger.",
    "training.logger.progress_bar": "Which progress bar spaCy's logger shows.",
    "training.logger.output_file": "A file for the log as JSON lines.",
    "training.optimizer.@optimizers": "The optimizer.",
    "training.optimizer.learn_rate": "The learning rate.",
    "training.optimizer.L2": "The rate of weight decay.",
    "training.optimizer.L2_is_weight_decay": "Whether weight decay is apart from the gradient, as in AdamW.",
    "training.optimizer.grad_clip": "The norm above which gradients are clipped. 0: they are not.",
    "training.optimizer.use_averages": "Whether the running average of the weights is evaluated and saved.",
    "training.optimizer.learn_rate.@schedules": "The schedule.",
    "training.optimizer.learn_rate.initial_rate": "The rate after the warm-up, from which it falls to 0.",
    "training.optimizer.learn_rate.warmup_steps": "The number of updates in which the rate rises from 0.",
    "training.optimizer.learn_rate.total_steps": "The number of updates after which the rate is 0.",
    "training.score_weights.tag_acc": "Share of the accuracy of XPOS. null: it is not shown.",
    "training.score_weights.pos_acc": "Share of the accuracy of UPOS.",
    "training.score_weights.morph_acc": "Share of the accuracy of FEATS.",
    "training.score_weights.morph_per_feat": "Share of the scores of each feature.",
    "training.score_weights.lemma_acc": "Share of the accuracy of lemmas.",
    "training.score_weights.raw_tag_f": "Share of the F-score of XPOS on text.",
    "training.score_weights.raw_pos_f": "Share of the F-score of UPOS on text.",
    "training.score_weights.raw_morph_f": "Share of the F-score of FEATS on text.",
    "training.score_weights.raw_lemma_f": "Share of the F-score of lemmas on text.",
    "training.score_weights.raw_sents_f": "Share of the F-score of sentences on text.",
    "components.lstm_tagger.factory": "The component's factory.",
    "components.lstm_tagger.model.@architectures": "The network's architecture.",
    "components.lstm_tagger.model.vocabulary.@misc": "The vocabulary.",
    "components.lstm_tagger.scorer.@scorers": "The scoring method.",
    "nlp.tokenizer.@tokenizers": "The tokenizer.",
    "corpora.train.@readers": "The reader.",
    "corpora.dev.@readers": "The reader.",
}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in what a page asks for, as MkDocs calls it."""
    fillers: Dict[str, Callable[[], str]] = {"settings": settings_page, "commands": commands_page}

    def fill(marker: "re.Match[str]") -> str:
        return fillers[marker[1]]()

    return re.sub(r"<!-- (\w+): filled in when .*? -->", fill, markdown)


def settings_page() -> str:
    """RETURNS (str): A table for each section of the configs, as Markdown."""
    configs = {path.name[: -len(".cfg")]: Config().from_str(path.read_text("utf8")) for path in _config_files()}
    filled = {name: _fill(config) for name, config in configs.items()}
    parts = []
    for section, title in SECTIONS.items():
        parts.append(f"## {title}\n\n`[{section}]`\n\n| Setting | Value | Meaning |\n| --- | --- | --- |")
        named = {name: dict(_leaves(_section(config, section))) for name, config in configs.items()}
        values = {name: dict(_leaves(_section(config, section))) for name, config in filled.items()}
        described = describe_parameters(section, values[DEFAULT])
        settings = dict.fromkeys([*described, *(key for config in named.values() for key in config)])
        for setting in settings:
            meaning = described.get(setting) or MEANINGS[f"{section}.{setting}"]
            is_named = any(setting in config for config in named.values())
            value = _show({name: config[setting] for name, config in values.items() if setting in config}, is_named)
            parts.append(f"| `{setting}` | {value} | {meaning} |")
        parts[-1] += "\n"
    return "\n".join(parts)


def commands_page() -> str:
    """RETURNS (str): The help of each command, as Markdown."""
    registry.cli.get_all()
    parts = []
    for command in sorted(str(command.name) for command in lstm_tagger_cli.registered_commands):
        arguments = ["lstm-tagger", command, "--help"]
        result = CliRunner().invoke(app, arguments, prog_name="python -m spacy", terminal_width=WIDTH)
        parts.append(f"## {command}\n\n```text\n{result.stdout.strip()}\n```\n")
    return "\n".join(parts)


def describe_parameters(section: str, values: Dict[str, Any]) -> Dict[str, str]:
    """Find what the settings of a section mean, from the docstring of this package's function that takes them."""
    if section == "components.lstm_tagger":
        parameters = read_parameters(LSTMTaggerPipe.__init__)
        return {name: text for name, text in parameters.items() if name not in ("vocab", "model", "name")}
    if section == "initialize.components.lstm_tagger":
        return {"base": read_parameters(LSTMTaggerPipe.initialize)["base"]}
    registered = [(key[1:], name) for key, name in values.items() if key.startswith("@")]
    if not registered or not registered[0][1].startswith("spacy-lstm-tagger."):
        return {}
    ((kind, name),) = registered
    function = registry.get(kind, name)
    parameters = read_parameters(function)
    return {name: parameters[name] for name in inspect.signature(function).parameters if name != "vocabulary"}


def read_parameters(function: Callable[..., Any]) -> Dict[str, str]:
    """Read a docstring's `name (type): text.`, which may be of several lines."""
    docstring = inspect.getdoc(function) or ""
    found = re.findall(r"^(\w+) \(.*?\): (.*(?:\n    .*)*)", docstring, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found if not name.isupper()}


def _config_files() -> List[Any]:
    return sorted(
        (path for path in configs_directory().iterdir() if path.name.endswith(".cfg")),
        key=lambda path: (not path.name.startswith(DEFAULT), path.name),
    )


def _fill(config: Config) -> Config:
    """The config with the defaults of all functions that it names."""
    return load_model_from_config(config, auto_fill=True, validate=False).config


def _section(config: Any, name: str) -> Dict[str, Any]:
    for part in name.split("."):
        config = config.get(part, {}) if isinstance(config, dict) else {}
    return config if isinstance(config, dict) else {}


def _leaves(section: Dict[str, Any]) -> Iterator[Tuple[str, Any]]:
    for key, value in section.items():
        if not isinstance(value, dict) or key in MAPPINGS:
            yield key, value
        elif key == "scorer":
            yield key, value["@scorers"]


def _show(values: Dict[str, Any], is_named: bool) -> str:
    """That of the default config, and those that differ."""
    by_value: Dict[str, List[str]] = {}
    for name, value in values.items():
        by_value.setdefault(f"`{srsly.json_dumps(value)}`", []).append(name)
    shown = []
    for value, names in by_value.items():
        shown_value = value if is_named else f"*{value}*"
        shown.append(shown_value if DEFAULT in names else f"{', '.join(names)}: {shown_value}")
    return "<br>".join(shown)
