"""Train a tagger on annotated sentences."""

import time
from importlib.resources import as_file
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

import srsly
import typer
from click import NoSuchOption
from spacy.cli._util import parse_config_overrides, setup_gpu, show_validation_error
from spacy.tokens import Doc
from spacy.training.initialize import init_nlp
from spacy.training.loop import DIR_MODEL_BEST
from spacy.util import load_config
from spacy.vocab import Vocab
from thinc.compat import has_cupy_gpu, has_torch_cuda_gpu
from wasabi import msg

from ..annotation_layers import NAMES, UPOS
from ..atomic_files import interrupted
from ..evaluation.report import REPORT_FILE
from ..formats.treebank import find_part, read_docs
from ..pipeline.gold_labels import Labels, collect_annotations, collect_labels
from ..shipped import find_config
from ..training.checkpoint import find_checkpoint, train_with_checkpoints
from ..training.held_out import MIN_SENTENCES, hold_out
from ..training.settings import check_settings, find_taggers
from .cli import clean_exit, lstm_tagger_cli, show_progress
from .evaluate import TRAINING_LOG, TRAINING_RUN, announce_report, evaluate

# Loggers that also write a file, from which reports draw the learning curve.
LOGGERS_WITH_FILE = ("spacy.ConsoleLogger.v2", "spacy.ConsoleLogger.v3", "spacy-lstm-tagger.ProbabilityLogger.v1")


@lstm_tagger_cli.command("train", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def train_cli(
    ctx: typer.Context,
    train_path: Path = typer.Argument(
        ..., metavar="TRAIN", help="Annotated sentences: a file, or the directory of a treebank", exists=True
    ),
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
    force: bool = typer.Option(False, "--force", help="Replace a trained pipeline that is in OUTPUT"),
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
                force=force,
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
    force: bool = False,
    overrides: Mapping[str, Any] = {},
) -> Path:
    """Train a pipeline with spaCy's training loop, print where it is and its scores, and write a report on the
    development data.

    train_path (Path): Annotated sentences: a file, a directory of files, or a treebank's directory, of which the
        training part is taken.
    output_path (Path): Directory for the trained pipeline.
    dev_path (Optional[Path]): Annotated sentences to choose the best model by. None: the treebank's, or a tenth of
        those of train_path; all of them if they are fewer than ten.
    lang (Optional[str]): Language code. None: the config's.
    config (Union[str, Path]): The name of a config that the package ships, or the path of another.
    format (Optional[str]): The format of the sentences. None: detected from their content.
    gpu_id (int): Which GPU; -1 is the CPU.
    seed (int): Random seed.
    resume (bool): Whether to continue an interrupted training from its checkpoint. The other arguments must be the
        same. The final weights are those of an uninterrupted training.
    force (bool): Whether to replace a trained pipeline in output_path.
    overrides (Mapping[str, Any]): Settings of the config, such as {"training.dropout": 0.3}.
    RETURNS (Path): The directory of the best pipeline. Raises a ValueError, before data is read and before anything is
        written, for settings that do not exist, a GPU that is not there, and a pipeline that would be replaced.

        >>> import spacy
        >>> from pathlib import Path
        >>> from spacy_lstm_tagger.commands.train import train
        >>> pairs = Path("corpus/tutorial.json")
        >>> best = train(pairs, Path("models/tutorial"), dev_path=pairs, config="tutorial")
        ℹ Using CPU...
        >>> [token.tag_ for token in spacy.load(best)("The dog ate the apple.")]
        ['Determiner', 'Noun', 'Verb', 'Determiner', 'Noun']
    """  # noqa: RUF002 -- what spaCy's messages begin with
    best = output_path / DIR_MODEL_BEST
    if resume:
        find_checkpoint(output_path)
    elif not force and (best.exists() or interrupted(best).exists()):
        raise ValueError(f"{best} is there already. Give another OUTPUT, or replace it with --force.")
    with as_file(find_config(str(config))) as config_path:
        settings: Dict[str, Any] = {"system.seed": seed, **({} if lang is None else {"nlp.lang": lang})}
        if gpu_id >= 0 and not has_cupy_gpu:
            settings.update(_device_settings(config_path, gpu_id))
            gpu_id = -1
        with show_validation_error(config_path):
            check_settings(config_path, {**settings, **overrides})
        has_log = load_config(config_path)["training"].get("logger", {}).get("@loggers") in LOGGERS_WITH_FILE
        if has_log:
            settings["training.logger.output_file"] = str(output_path / TRAINING_LOG)
        setup_gpu(gpu_id)
        data_settings, labels = _read_data(train_path, dev_path, format, output_path / "corpus", seed)
        settings.update(data_settings)
        settings.update(_tag_map_settings(load_config(config_path, overrides=dict(overrides)), labels))
        settings.update(overrides)
        with show_validation_error(config_path):
            loaded_config = load_config(config_path, overrides=settings, interpolate=False)
        msg.divider("Initializing pipeline")
        with show_validation_error(config_path, hint_fill=False):
            nlp = init_nlp(loaded_config, use_gpu=gpu_id)
    if has_log:
        (output_path / TRAINING_LOG).unlink(missing_ok=True)  # the logger does not replace it
    msg.divider("Training pipeline")
    start = time.perf_counter()
    try:
        n_words = train_with_checkpoints(nlp, output_path, use_gpu=gpu_id, resume=resume)
    except KeyboardInterrupt:
        kept = f"The best pipeline so far is {best}. " if best.exists() else ""
        raise KeyboardInterrupt(f"{kept}To continue, give the same command with --resume.") from None
    seconds = time.perf_counter() - start
    facts = {
        "Config": ", ".join([str(config), f"seed {seed}", *(f"{name} = {value}" for name, value in overrides.items())]),
        "Training data": settings["paths.train"],
        "Training": f"{n_words:,} words in {seconds:,.0f} s with evaluations, {n_words / seconds:,.0f} words a second"
        + (", from a checkpoint on" if resume else ""),
        "Date": time.strftime("%Y-%m-%d"),
    }
    srsly.write_json(output_path / TRAINING_RUN, facts)
    _report(best, Path(settings["paths.dev"]), settings.get("corpora.dev.format"))
    performance = srsly.read_json(best / "meta.json")["performance"]
    names = {f"{layer}_acc": name for layer, name in NAMES.items()}
    names.update({f"raw_{layer}_f": f"{name} on raw text" for layer, name in NAMES.items()})
    # A layer that the training data lacks has no weight.
    weights = nlp.config["training"]["score_weights"]
    shown = [
        f"{names[key]} {100 * score:.2f}"
        for key, score in performance.items()
        if key in names and score is not None and weights.get(key) is not None
    ]
    msg.good(f"The best pipeline is {best}", ", ".join(shown))
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
    return {f"components.{name}.model.device": f"cuda:{gpu_id}" for name in find_taggers(load_config(config_path))}


def _read_data(
    train_path: Path, dev_path: Optional[Path], format: Optional[str], directory: Path, seed: int
) -> Tuple[Dict[str, Any], Labels]:
    """Read the data before anything is written, so that an error in it leaves nothing behind. Settings for the config
    name its files, of which those of a part that is held out are written to `directory`."""
    if dev_path is None and find_part(train_path, "dev") != train_path:
        dev_path = train_path
    train_path = find_part(train_path, "train")
    vocab = Vocab()
    docs, labels = _read_checked(train_path, vocab, format)
    if dev_path is not None:
        dev_path = find_part(dev_path, "dev")
        _read_checked(dev_path, vocab, format)
    elif len(docs) < MIN_SENTENCES:
        dev_path = train_path
        msg.warn(
            f"{len(docs)} sentences are too few to hold some out, so the scores are those on the training data.",
            "Name other sentences with --dev to see how well the tagger does on text that it does not know.",
        )
    else:
        train_path, dev_path = hold_out(docs, directory, seed)
        format = "spacy"
        n_dev = sum(1 for _ in read_docs(dev_path, vocab, format))
        msg.info(f"Holding out {n_dev:,} of {len(docs):,} sentences to choose the best model by: {dev_path}")
    settings = {"paths.train": str(train_path), "paths.dev": str(dev_path)}
    if format is not None:
        settings.update({"corpora.train.format": format, "corpora.dev.format": format})
    return settings, labels


def _read_checked(path: Path, vocab: Vocab, format: Optional[str]) -> Tuple[List[Doc], Labels]:
    """Read annotated sentences that have labels."""
    docs = list(show_progress(read_docs(path, vocab, format), unit=" sentences"))
    n_words = sum(map(len, docs))
    labels = collect_labels(collect_annotations(docs), neg_prefix="!")
    layers = [f"{len(names)} {NAMES[layer]}" for layer, names in labels.items()]
    if not layers:
        raise ValueError(f"{path} has no annotation to learn: its words have no tag, no UPOS and no FEATS.")
    msg.info(f"{path}: {len(docs):,} sentences, {n_words:,} words, labels: {', '.join(layers)}")
    return docs, labels


def _tag_map_settings(config: Mapping[str, Any], labels: Labels) -> Dict[str, Any]:
    """Settings by which data that has tags alone gives `token.pos_`: the tags are UPOS tags, or the user is told of the
    setting."""
    taggers = [name for name in find_taggers(config) if not config["components"][name].get("tag_map")]
    if "pos" in labels or not taggers:
        return {}
    if set(labels["tag"]) <= set(UPOS):
        msg.info("The tags are UPOS tags: the tagger sets them as token.tag_ and as token.pos_.")
        return {f"components.{name}.tag_map": {tag: tag for tag in labels["tag"]} for name in taggers}
    msg.info(
        "The data has no UPOS, so token.pos_ will be empty.",
        f'To set it, name a JSON file such as {{"NN": "NOUN"}} with --components.{taggers[0]}.tag_map FILE',
    )
    return {}


def _report(best: Path, dev_path: Path, format: Optional[str]) -> None:
    """Write a report on the trained pipeline beside it. If that fails, training still succeeds, with a warning."""
    try:
        evaluate(best, dev_path, format=format, report=best.parent)
        announce_report(best.parent / REPORT_FILE)
    except (ValueError, OSError) as error:
        msg.warn("There is no report.", str(error))
