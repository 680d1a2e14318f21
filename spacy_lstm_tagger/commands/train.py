"""Train a tagger on annotated sentences."""

import re
import time
from importlib.resources import as_file
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import srsly
import typer
from click import NoSuchOption
from spacy import util
from spacy.cli._util import parse_config_overrides, setup_gpu, show_validation_error
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.training.loop import DIR_MODEL_BEST
from spacy.util import load_config
from thinc.api import Config
from thinc.compat import has_cupy_gpu, has_torch_cuda_gpu
from wasabi import msg

from ..annotation_layers import NAMES, TAG_LAYERS, UPOS
from ..atomic_files import interrupted
from ..evaluation.judgements import accuracy, evaluate_layers
from ..evaluation.report import REPORT_FILE
from ..formats.sentence import copy_words
from ..formats.treebank import read_docs
from ..formats.treebank_directory import Treebank, describe_treebank
from ..model_packages import find_pipeline
from ..pipeline.label_scheme import Labels
from ..pipeline.loading import load_pipeline
from ..pipeline.model_card import write_card
from ..shipped import PRETRAINED, find_config
from ..training.checkpoint import find_checkpoint, train_with_checkpoints
from ..training.settings import check_settings, find_taggers
from .cli import clean_exit, lstm_tagger_cli
from .evaluate import TRAINING_LOG, TRAINING_RUN, announce_report, evaluate
from .training_corpus import read_corpus
from .treebank_language import choose_language, with_tokenizer

# Loggers that also write a file, from which reports draw the learning curve.
SHOWN = ("pos", "tag", "morph", "lemma")
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
    lang: Optional[str] = typer.Option(
        None, "--lang", "-l", help="Language code. Default: that of the treebank's files, or else the config's"
    ),
    config: Optional[str] = typer.Option(
        None,
        "--config",
        "-c",
        help="fast, accurate, adapt, tutorial, or the path of a config. Default: fast; adapt with --base",
    ),
    format: Optional[str] = typer.Option(None, "--format", "-f", help="Format of the sentences. Default: by content"),
    gpu_id: int = typer.Option(-1, "--gpu-id", "-g", help="GPU ID or -1 for CPU"),
    seed: int = typer.Option(0, "--seed", help="Random seed"),
    resume: bool = typer.Option(False, "--resume", help="Continue an interrupted training from its checkpoint"),
    force: bool = typer.Option(False, "--force", help="Replace a trained pipeline that is in OUTPUT"),
    ambiguous: bool = typer.Option(
        False, "--ambiguous", help="'NN|VB' in the data are two tags that a word may have, '!NOUN' one that it has not"
    ),
    base: Optional[str] = typer.Option(
        None, "--base", metavar="DIR|en", help="Go on from a trained tagger, which keeps what it has learned"
    ),
    rehearse: Optional[Path] = typer.Option(
        None,
        "--rehearse",
        metavar="FILE",
        help="Text, raw or annotated, that the tagger of --base labels and learns beside TRAIN, so as not to forget",
        exists=True,
    ),
    forget: List[str] = typer.Option(
        [], "--forget", metavar="LAYER", help="tag, pos, morph: a layer whose tag set has changed, not to be rehearsed"
    ),
    raw: Optional[Path] = typer.Option(
        None,
        "--raw",
        metavar="FILE",
        help="Text that a first tagger, trained on TRAIN, labels for a second one to learn from",
        exists=True,
    ),
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
                ambiguous=ambiguous,
                base=base,
                rehearse=rehearse,
                forget=forget,
                raw=raw,
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
    config: Optional[Union[str, Path]] = None,
    format: Optional[str] = None,
    gpu_id: int = -1,
    seed: int = 0,
    resume: bool = False,
    force: bool = False,
    ambiguous: bool = False,
    base: Optional[str] = None,
    rehearse: Optional[Path] = None,
    forget: Sequence[str] = (),
    raw: Optional[Path] = None,
    overrides: Mapping[str, Any] = {},
) -> Path:
    """Train a pipeline with spaCy's training loop, print where it is and its scores, and write a report on the
    development data.

    train_path (Path): Annotated sentences: a file, a directory of files, or a treebank's directory, of which the
        training part is taken, the language, and what the pipeline's `meta` says of licence and source.
    output_path (Path): Directory for the trained pipeline.
    dev_path (Optional[Path]): Annotated sentences to choose the best model by. None: the treebank's, or a tenth of
        those of train_path; all of them if they are fewer than ten.
    lang (Optional[str]): Language code. None: that of a treebank's directory, or else the config's. "xx" where spaCy
        lacks it.
    config (Optional[Union[str, Path]]): The name of a config that the package ships, or the path of another. None:
        "fast", or with a base "adapt".
    format (Optional[str]): The format of the sentences. None: detected from their content.
    gpu_id (int): Which GPU; -1 is the CPU.
    seed (int): Random seed.
    resume (bool): Whether to continue an interrupted training from its checkpoint. The other arguments must be the
        same. The final weights are those of an uninterrupted training.
    force (bool): Whether to replace a trained pipeline in output_path.
    ambiguous (bool): Whether "NN|VB" in the data are two tags that a word may have, and "!NOUN" is a UPOS tag that it
        does not have.
    base (Optional[str]): Directory or package of a pipeline whose tagger to go on from, or the name of a pretrained
        one. It keeps its labels, and gets those of the data besides. Where the data lacks a layer, it learns the
        labels that it finds likely itself.
    rehearse (Optional[Path]): Text, raw or annotated, that the base labels, and that is learned beside the data.
    forget (Sequence[str]): Layers of the base that are not rehearsed, since their tag set has changed.
    raw (Optional[Path]): Text that a first tagger labels, which is trained on the data alone, and that a second one
        learns beside the data.
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
    _check_options(base, rehearse, forget, raw)
    config = config or ("fast" if base is None else "adapt")
    if resume:
        find_checkpoint(output_path)
    elif not force and (best.exists() or interrupted(best).exists()):
        raise ValueError(f"{best} is there already. Give another OUTPUT, or replace it with --force.")
    treebank = _find_treebank(train_path)
    lang = lang or overrides.get("nlp.lang") or choose_language(treebank if base is None else None, str(config))
    teacher = None
    if raw is not None:
        teacher = _train_first(
            train_path,
            output_path / "first",
            resume=resume,
            dev_path=dev_path,
            lang=lang,
            config=config,
            format=format,
            gpu_id=gpu_id,
            seed=seed,
            force=force,
            ambiguous=ambiguous,
            overrides=overrides,
        )
    with as_file(find_config(str(config))) as original, with_tokenizer(original, lang, base) as config_path:
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
        base_nlp = None if base is None else load_pipeline(base)
        corpus = read_corpus(
            train_path,
            dev_path,
            output_path / "corpus",
            format=format,
            ambiguous=ambiguous,
            seed=seed,
            teacher=base_nlp if raw is None else teacher,
            unlabelled=rehearse if raw is None else raw,
            fill=base is not None,
            forget=forget,
        )
        settings.update(corpus.settings)
        if base_nlp is None:
            settings.update(_tag_map_settings(load_config(config_path, overrides=dict(overrides)), corpus.labels))
        else:
            settings["nlp.lang"] = lang or base_nlp.lang
        settings.update(overrides)
        with show_validation_error(config_path):
            loaded_config = load_config(config_path, overrides=settings, interpolate=False)
        _start_from(loaded_config, base)
        msg.divider("Initializing pipeline")
        with show_validation_error(config_path, hint_fill=False):
            nlp = init_nlp(loaded_config, use_gpu=gpu_id)
    write_card(nlp, treebank)
    if has_log:
        (output_path / TRAINING_LOG).unlink(missing_ok=True)  # the logger does not replace it
    n_words, seconds = _run(nlp, output_path, gpu_id, resume)
    facts = {
        "Config": ", ".join([str(config), f"seed {seed}", *(f"{name} = {value}" for name, value in overrides.items())]),
        "Training data": settings["paths.train"],
        "Training": _describe_speed(n_words, seconds, resume),
        "Date": time.strftime("%Y-%m-%d"),
    }
    srsly.write_json(output_path / TRAINING_RUN, facts)
    dev_path, dev_format = Path(settings["paths.dev"]), settings.get("corpora.dev.format")
    _report(best, dev_path, dev_format, ambiguous)
    if base_nlp is not None:
        new = list(read_docs(dev_path, base_nlp.vocab, dev_format, ambiguous))
        _print_changes(base_nlp, load_pipeline(best), {"new": new, "old": corpus.old})
    _print_scores(best, nlp.config["training"]["score_weights"])
    return best


def _find_treebank(path: Path) -> Optional[Treebank]:
    """What the directory of a treebank says of it. The user is told of a licence that matters or is missing."""
    treebank = describe_treebank(path)
    if treebank is not None and not treebank.license:
        msg.warn(
            f"{treebank.name}: its directory names no licence that is known.",
            'Name it as "license" in the pipeline\'s meta.json before you share the pipeline.',
        )
    elif treebank is not None and re.search(r"\bNC\b", treebank.license):
        msg.warn(f"{treebank.name}: its licence, {treebank.license}, is for non-commercial use; so is the pipeline's.")
    return treebank


def _train_first(train_path: Path, output_path: Path, *, resume: bool, **options: Any) -> Language:
    """Train the tagger that labels raw text. What is resumed is the training after it."""
    best = output_path / DIR_MODEL_BEST
    if not resume:
        msg.divider("A first tagger, to label raw text with")
        best = train(train_path, output_path, **options)
        msg.divider("A second one, which learns from its labels too")
    return load_pipeline(best)


def _run(nlp: Language, output_path: Path, gpu_id: int, resume: bool) -> Tuple[int, float]:
    """Train, and return the number of words and the seconds."""
    msg.divider("Training pipeline")
    start = time.perf_counter()
    try:
        n_words = train_with_checkpoints(nlp, output_path, use_gpu=gpu_id, resume=resume)
    except KeyboardInterrupt:
        best = output_path / DIR_MODEL_BEST
        kept = f"The best pipeline so far is {best}. " if best.exists() else ""
        raise KeyboardInterrupt(f"{kept}To continue, give the same command with --resume.") from None
    return n_words, time.perf_counter() - start


def _describe_speed(n_words: int, seconds: float, resume: bool) -> str:
    speed = f"{n_words:,} words in {seconds:,.0f} s with evaluations, {n_words / seconds:,.0f} words a second"
    return f"{speed}, from a checkpoint on" if resume else speed


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


def _check_options(base: Optional[str], rehearse: Optional[Path], forget: Sequence[str], raw: Optional[Path]) -> None:
    unknown = [layer for layer in forget if layer not in TAG_LAYERS]
    if unknown:
        raise ValueError(f"--forget {unknown[0]}: there is no such layer. Use: {', '.join(TAG_LAYERS)}.")
    if rehearse is not None and base is None:
        raise ValueError("Text to rehearse needs a tagger that knows it. Name one with --base.")
    if raw is not None and base is not None:
        raise ValueError("A tagger that goes on from --base learns raw text with --rehearse, and not with --raw.")


def _start_from(config: Config, base: Optional[str]) -> None:
    """Let the config's taggers be initialized with what a base has learned, and its tokenizer be the base's."""
    if base is None:
        return
    for name in find_taggers(config):
        config["initialize"].setdefault("components", {}).setdefault(name, {})["base"] = base
    if base not in PRETRAINED:
        pipeline = find_pipeline(base)
        config["nlp"]["tokenizer"] = util.load_model(pipeline).config["nlp"]["tokenizer"]
        config["initialize"]["before_init"] = {
            "@callbacks": "spacy.copy_from_base_model.v1",
            "tokenizer": pipeline,
            "vocab": None,
        }


def _print_changes(before: Language, after: Language, parts: Mapping[str, Sequence[Doc]]) -> None:
    """Print accuracies on the words of new and of old data, before training and after it."""
    rows = []
    for part, docs in parts.items():
        if not docs:
            continue
        for name, nlp in (("before", before), ("after", after)):
            layers = evaluate_layers(nlp, [Example(copy_words(doc, nlp.vocab), doc) for doc in docs])
            shown = [f"{100 * accuracy(layers[layer].all):.2f}" if layer in layers else "-" for layer in SHOWN]
            rows.append([f"{part} data, {name}", *shown])
    msg.table(
        rows,
        header=["", *(NAMES[layer] for layer in SHOWN)],
        divider=True,
        aligns=tuple("lrrrr"),
        title="What was learned and forgotten, accuracy in percent",
    )


def _print_scores(best: Path, weights: Mapping[str, Any]) -> None:
    """Print where the best pipeline is, and its scores; not those of layers that the training data lacks, which have no
    weight."""
    names = {f"{layer}_acc": name for layer, name in NAMES.items()}
    names.update({f"raw_{layer}_f": f"{name} on raw text" for layer, name in NAMES.items()})
    shown = [
        f"{names[key]} {100 * score:.2f}"
        for key, score in srsly.read_json(best / "meta.json")["performance"].items()
        if key in names and score is not None and weights.get(key) is not None
    ]
    msg.good(f"The best pipeline is {best}", ", ".join(shown))


def _report(best: Path, dev_path: Path, format: Optional[str], ambiguous: bool) -> None:
    """Write a report on the trained pipeline beside it. If that fails, training still succeeds, with a warning."""
    try:
        evaluate(best, dev_path, format=format, ambiguous=ambiguous, report=best.parent)
        announce_report(best.parent / REPORT_FILE)
    except (ValueError, OSError) as error:
        msg.warn("There is no report.", str(error))
