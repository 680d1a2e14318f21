"""The data of a training, read and checked before anything is written."""

from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab
from wasabi import msg

from ..annotation_layers import NAMES, TAG_LAYERS
from ..evaluation.scores import describe_unknown_labels
from ..formats.treebank import find_part, read_docs
from ..formats.treebank_directory import find_parts, lacks_part
from ..pipeline.gold_labels import Labels, collect_annotations, collect_labels
from ..pipeline.loading import find_tagger
from ..training.held_out import MIN_SENTENCES, hold_out, write_docs
from ..training.rehearsal import Text, draw, fill_in, label_docs, read_rehearsal
from .cli import show_progress

# Text that the tagger labels is at most so many times as long as the data, or has so many words.
MOST_TIMES, MOST_WORDS = 4, 20_000
# How much all of it counts beside the data.
SHARE_OF_LABELLED = 1.0
LABELLED = "labelled.spacy"


class TrainingCorpus(NamedTuple):
    """What a tagger is trained on.

    settings (Dict[str, Any]): Settings of the config that name the files.
    labels (Labels): The labels of the training data.
    old (List[Doc]): Sentences that tell whether a tagger that goes on from another has forgotten something: they have
        the labels that were right before. They are not among the training data.
    """

    settings: Dict[str, Any]
    labels: Labels
    old: List[Doc]


def read_corpus(
    train_path: Path,
    dev_path: Optional[Path],
    directory: Path,
    *,
    format: Optional[str],
    ambiguous: bool,
    seed: int,
    teacher: Optional[Language] = None,
    unlabelled: Optional[Path] = None,
    fill: bool = False,
    forget: Sequence[str] = (),
) -> TrainingCorpus:
    """Read the data before anything is written, so that an error in it leaves nothing behind.

    directory (Path): Where files are written: parts that are held out, and what a tagger rehearses.
    teacher (Optional[Language]): A pipeline that labels text.
    unlabelled (Optional[Path]): Text that it labels, to be learned beside the training data.
    fill (bool): Whether it fills in what the training data lacks.
    forget (Sequence[str]): Layers that it does not label.
    The other arguments are those of `train`. RETURNS (TrainingCorpus): The data.
    """
    if dev_path is None and find_parts(train_path, "dev") not in ([], [train_path]):
        dev_path = train_path
    train_files = _find_train_files(train_path)
    vocab = Vocab() if teacher is None else teacher.vocab
    docs, labels = _read_checked(train_files, vocab, format, ambiguous)
    old, old_is_annotated = (None, False) if teacher is None or unlabelled is None else _read_old(teacher, unlabelled)
    n_docs = len(docs)
    if dev_path is not None:
        dev_path = find_part(dev_path, "dev")
        _read_checked([dev_path], vocab, format, ambiguous)
    elif n_docs >= MIN_SENTENCES:
        docs, held_out = hold_out(docs, seed)
        dev_path = write_docs(held_out, directory / "dev.spacy")
        msg.info(f"Holding out {len(held_out):,} of {n_docs:,} sentences to choose the best model by: {dev_path}")
    # A reader takes one file, which has what is left.
    is_one_file = len(train_files) == 1 and len(docs) == n_docs
    train_path = train_files[0] if is_one_file else write_docs(docs, directory / "train.spacy")
    if dev_path is None:
        dev_path = train_path
        msg.warn(
            f"{n_docs} sentences are too few to hold some out, so the scores are those on the training data.",
            "Name other sentences with --dev to see how well the tagger does on text that it does not know.",
        )
    settings: Dict[str, Any] = {}
    held_out_old: List[Doc] = []
    if teacher is not None:
        if fill:
            _warn_of_other_tag_set(find_tagger(teacher).label_data, docs, forget)
            fill_in(teacher, docs)
        train_path = write_docs(docs, directory / "train" / "new.spacy").parent
        (train_path / LABELLED).unlink(missing_ok=True)
        if old is not None:
            rehearsed, unseen = hold_out(old, seed)
            n_new = sum(map(len, docs))
            settings.update(_write_labelled(teacher, rehearsed, n_new, train_path / LABELLED, seed, forget))
            held_out_old = draw(teacher, unseen, MOST_WORDS, seed)
            if not old_is_annotated:
                held_out_old = list(label_docs(teacher, held_out_old))
    settings.update({"paths.train": str(train_path), "paths.dev": str(dev_path)})
    for part, path in (("train", train_path), ("dev", dev_path)):
        if format is not None and path.suffix != ".spacy" and not path.is_dir():
            settings[f"corpora.{part}.format"] = format
        if ambiguous:
            settings[f"corpora.{part}.ambiguous"] = True
    return TrainingCorpus(settings, labels, held_out_old)


def _find_train_files(path: Path) -> List[Path]:
    files = find_parts(path, "train")
    if not files:
        raise lacks_part(path, "train")
    return files


def _warn_of_other_tag_set(known: Labels, docs: Sequence[Doc], forget: Sequence[str]) -> None:
    """Warn if many words have labels that the base lacks: what it rehearses would contradict them."""
    for layer in set(TAG_LAYERS) & set(known) - set(forget):
        labels = (getattr(token, f"{layer}_") if layer != "morph" else "" for doc in docs for token in doc)
        if text := describe_unknown_labels(layer, Counter(filter(None, labels)), known[layer], "the base lacks"):
            msg.warn(text, f"If the tag set has changed, let the base not rehearse its own, with --forget {layer}")


def _write_labelled(
    teacher: Language, texts: Sequence[Text], n_new: int, path: Path, seed: int, forget: Sequence[str]
) -> Dict[str, Any]:
    drawn = draw(teacher, texts, max(MOST_WORDS, MOST_TIMES * n_new), seed)
    n_words = sum(map(len, drawn))
    write_docs(show_progress(label_docs(teacher, drawn, forget), unit=" sentences"), path)
    msg.info(f"{path}: {len(drawn):,} of {len(texts):,} texts, {n_words:,} words, as the tagger labels them")
    return {"corpora.train.weights": {path.name: min(1.0, SHARE_OF_LABELLED * n_new / n_words)}}


def _read_old(teacher: Language, path: Path) -> Tuple[Sequence[Text], bool]:
    """Read text that the tagger knows, and tell whether it has the labels that are right, which else are those that the
    tagger finds."""
    texts, are_annotated = read_rehearsal(teacher, path)
    if len(texts) < MIN_SENTENCES:
        raise ValueError(f"{path} has {len(texts)} texts to rehearse. It needs at least {MIN_SENTENCES}, one a line.")
    return texts, are_annotated


def _read_checked(
    files: Sequence[Path], vocab: Vocab, format: Optional[str], ambiguous: bool
) -> Tuple[List[Doc], Labels]:
    """Read annotated sentences that have labels."""
    read = chain.from_iterable(read_docs(file, vocab, format, ambiguous) for file in files)
    docs = list(show_progress(read, unit=" sentences"))
    names = ", ".join(map(str, files))
    n_words = sum(map(len, docs))
    labels = collect_labels(collect_annotations(docs), neg_prefix="!")
    layers = [f"{len(of_layer)} {NAMES[layer]}" for layer, of_layer in labels.items()]
    if not layers:
        raise ValueError(f"{names} has no annotation to learn: its words have no tag, no UPOS and no FEATS.")
    msg.info(f"{names}: {len(docs):,} sentences, {n_words:,} words, labels: {', '.join(layers)}")
    return docs, labels
