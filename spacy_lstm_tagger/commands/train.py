"""Train a tagger on annotated sentences."""

import random
from importlib.resources import as_file
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

import srsly
import typer
from click import NoSuchOption
from spacy.cli._util import parse_config_overrides, setup_gpu, show_validation_error
from spacy.tokens import Doc, DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import DIR_MODEL_BEST
from spacy.util import load_config
from spacy.vocab import Vocab
from thinc.compat import has_cupy_gpu, has_torch_cuda_gpu
from wasabi import msg

from ..annotation_layers import LAYERS, NAMES
from ..evaluation.report import REPORT_FILE
from ..formats.treebank import read_docs
from ..pipeline.gold_labels import collect_annotations, collect_labels
from ..shipped import find_config
from ..training.checkpoint import find_checkpoint, train_with_checkpoints
from .cli import clean_exit, lstm_tagger_cli, show_progress
from .evaluate import TRAINING_LOG, announce_report, evaluate

HELD_OUT = 0.1
# Loggers that also write a file, from which reports draw the learning curve.
LOGGERS_WITH_FILE = ("spacy.ConsoleLogger.v2", "spacy.ConsoleLogger.v3", "spacy-lstm-tagger.ProbabilityLogger.v1")


@lstm_tagger_cli.command("train", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def train_cli(
    ctx: typer.Context,
    train_path: Path = typer.Argument(..., metavar="TRAIN", help="Annotated sentences", exists=True),
    output_path: Path = typer.Argument(..., metavar="OUTPUT", help="Directory for the trained pipeline"),
    dev_path: Optional[Path] = typer.Option(
        None, "--dev", help="Annotated sentences to choose the best model by. Default: a tenth of TRAIN", exists=True
    ),
    lang: Optional[str] = typer.Option(None, "--lang", "-l", help="Language code. Default: the config's"),
    config: str = typer.Option("fast", "--config", "-c", help="fast, accurate, tutorial, or the path of a config"),
    format: Optional[str] = typer.Option(None, "--format", "-f", help="Format of the sentences. Default: by content"),
    gpu_id: int = typer.Option(-1, "--gpu-id", "-g", help="GPU ID or -1 for CPU"),
    seed: int = typer.Option(0, "--seed", help="Random seed"),
    resume: bool = typer.Option(False, "--resume", help="Continue an interrupted training from its checkpoint"),
) -> None:
    """
    Train a pipeline with an LSTM tagger on annotated sentences: CoNLL-U, spaCy's .spacy, word/TAG text, two-column
    TSV, or JSON(L) pairs of words and tags. Settings of the config can be overridden as in `spacy train`, for
    instance with --training.dropout 0.3.
    """
    with clean_exit():
        try:
            train(
                train_path,
                output_path,
                dev_path=dev_path,
                lang=lang,
                config=config,
                format=format,
                gpu_id=gpu_id,
                seed=seed,
                resume=resume,
                overrides=_parse_overrides(ctx.args),
            )
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt(str(error) or "Nothing was trained yet.") from None


def train(
    train_path: Path,
    output_path: Path,
    *,
    dev_path: Optional[Path] = None,
    lang: Optional[str] = None,
    config: Union[str, Path] = "fast",
    format: Optional[str] = None,
    gpu_id: int = -1,
    seed: int = 0,
    resume: bool = False,
    overrides: Mapping[str, Any] = {},
) -> Path:
    """Train a pipeline with spaCy's training loop, print where it is and its scores, and write a report on the
    development data.

    train_path (Path): Annotated sentences.
    output_path (Path): Directory for the trained pipeline.
    dev_path (Optional[Path]): Annotated sentences to choose the best model by. None: a tenth of those of train_path.
    lang (Optional[str]): Language code. None: the config's.
    config (Union[str, Path]): The name of a config that the package ships, or the path of another.
    format (Optional[str]): The format of the sentences. None: detected from their content.
    gpu_id (int): Which GPU; -1 is the CPU.
    seed (int): Random seed.
    resume (bool): Whether to continue an interrupted training from its checkpoint. The other arguments must be the
        same. The final weights are those of an uninterrupted training.
    overrides (Mapping[str, Any]): Settings of the config, such as {"training.dropout": 0.3}.
    RETURNS (Path): The directory of the best pipeline.

        >>> import spacy
        >>> from pathlib import Path
        >>> from spacy_lstm_tagger.commands.train import train
        >>> pairs = Path("corpus/tutorial.json")
        >>> best = train(pairs, Path("models/tutorial"), dev_path=pairs, config="tutorial")
        ℹ corpus/tutorial.json: 2 sentences, 9 words, ...
        >>> [token.tag_ for token in spacy.load(best)("The dog ate the apple.")]
        ['Determiner', 'Noun', 'Verb', 'Determiner', 'Noun']
    """  # noqa: RUF002 -- what spaCy's messages begin with
    if resume:
        find_checkpoint(output_path)
    vocab = Vocab()
    train_docs = _read_checked(train_path, vocab, format)
    if dev_path is not None:
        _read_checked(dev_path, vocab, format)
    else:
        train_path, dev_path = _hold_out(train_docs, train_path, output_path / "corpus", seed)
        format = "spacy"
    settings: Dict[str, Any] = {
        "paths.train": str(train_path),
        "paths.dev": str(dev_path),
        "system.seed": seed,
        **({} if lang is None else {"nlp.lang": lang}),
        **({} if format is None else {"corpora.train.format": format, "corpora.dev.format": format}),
    }
    with as_file(find_config(str(config))) as config_path:
        if gpu_id >= 0 and not has_cupy_gpu:
            settings.update(_device_settings(config_path, gpu_id))
            gpu_id = -1
        if load_config(config_path)["training"].get("logger", {}).get("@loggers") in LOGGERS_WITH_FILE:
            (output_path / TRAINING_LOG).unlink(missing_ok=True)  # the logger does not replace it
            settings["training.logger.output_file"] = str(output_path / TRAINING_LOG)
        settings.update(overrides)
        setup_gpu(gpu_id)
        with show_validation_error(config_path):
            loaded_config = load_config(config_path, overrides=settings, interpolate=False)
        msg.divider("Initializing pipeline")
        with show_validation_error(config_path, hint_fill=False):
            nlp = init_nlp(loaded_config, use_gpu=gpu_id)
    msg.divider("Training pipeline")
    best = output_path / DIR_MODEL_BEST
    try:
        train_with_checkpoints(nlp, output_path, use_gpu=gpu_id, resume=resume)
    except KeyboardInterrupt:
        kept = f"The best pipeline so far is {best}. " if best.exists() else ""
        raise KeyboardInterrupt(f"{kept}To continue, give the same command with --resume.") from None
    _report(best, dev_path, format)
    performance = srsly.read_json(best / "meta.json")["performance"]
    scores = {name: f"{100 * score:.2f}" for name, score in performance.items() if name.endswith("_acc") and score}
    msg.good(f"The best pipeline is {best}", ", ".join(f"{name} {score}" for name, score in scores.items()))
    return best


def _parse_overrides(arguments: List[str]) -> Dict[str, Any]:
    """Read settings of the config as `spacy train` does."""
    try:
        return parse_config_overrides(arguments)
    except NoSuchOption as error:
        raise typer.BadParameter(f"{error.format_message()} The config's are given as --section.key value.") from error


def _device_settings(config_path: Path, gpu_id: int) -> Dict[str, str]:
    """Settings that make the taggers use a GPU without CuPy, which spaCy needs and PyTorch does not."""
    if not has_torch_cuda_gpu:
        raise ValueError(f"--gpu-id {gpu_id}: PyTorch finds no CUDA device. Use -1 to train on the CPU.")
    components = load_config(config_path)["components"]
    taggers = [name for name, component in components.items() if component.get("factory") == "lstm_tagger"]
    return {f"components.{name}.model.device": f"cuda:{gpu_id}" for name in taggers}


def _report(best: Path, dev_path: Path, format: Optional[str]) -> None:
    """Write a report on the trained pipeline beside it. If that fails, training still succeeds, with a warning."""
    try:
        evaluate(best, dev_path, format=format, report=best.parent)
        announce_report(best.parent / REPORT_FILE)
    except (ValueError, OSError) as error:
        msg.warn("There is no report.", str(error))


def _read_checked(path: Path, vocab: Vocab, format: Optional[str]) -> List[Doc]:
    """Read annotated sentences before anything is written, so that an error in them leaves nothing behind."""
    docs = list(show_progress(read_docs(path, vocab, format), unit=" sentences"))
    n_words = sum(map(len, docs))
    labels = collect_labels(collect_annotations(docs), neg_prefix="!")
    layers = [f"{len(names)} {NAMES[layer]}" for layer, names in labels.items()]
    if not layers:
        raise ValueError(f"{path} has no annotation to learn: its words have no tag, no UPOS and no FEATS.")
    msg.info(f"{path}: {len(docs):,} sentences, {n_words:,} words, labels: {', '.join(layers)}")
    return docs


def _hold_out(docs: List[Doc], source: Path, directory: Path, seed: int) -> Tuple[Path, Path]:
    """Write a random tenth of the docs and the others to two files."""
    n_dev = max(1, round(HELD_OUT * len(docs)))
    if n_dev == len(docs):
        raise ValueError(f"{source} has only {len(docs)} sentence, so none can be held out: name others with --dev.")
    drawn = set(random.Random(seed).sample(range(len(docs)), n_dev))
    paths = directory / "train.spacy", directory / "dev.spacy"
    directory.mkdir(parents=True, exist_ok=True)
    for path, held_out in zip(paths, (False, True)):
        part = [doc for i, doc in enumerate(docs) if (i in drawn) == held_out]
        DocBin(
            docs=part, attrs=["ORTH", "SPACY", "SENT_START", *(name.upper() for name in LAYERS)], store_user_data=True
        ).to_disk(path)
    msg.info(f"Holding out {n_dev:,} of {len(docs):,} sentences to choose the best model by: {paths[1]}")
    return paths
