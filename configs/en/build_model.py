"""Rebuild the English models that ship with the package.

    pip install transformers spacy-lstm-tagger[parquet]
    python configs/en/build_model.py UD_English-EWT RAW_TEXT ENCODER

UD_English-EWT is a directory with files named *-train.conllu and *-dev.conllu, RAW_TEXT one of English text in files
named *.txt.xz, a paragraph a line, and ENCODER one with the weights, the config and the tokenizer of all-mpnet-base-v2
or of another MPNet model. Steps whose result is in the work directory are not done again, and a step that was
interrupted goes on. On one core they take so long:

1. teacher: the encoder, tuned on the treebank (half an hour an epoch)
2. text: sentences that are chosen from raw text (ten minutes)
3. labelled: raw text that the teacher labels (half an hour for a million words), then sentences made from it
4. students/en and students/en_fast: the networks of two configs, trained on this text and on the treebank (an hour)
5. en: with heads for lemmas and sentence boundaries too, trained on (half an hour); en_fast has them from the beginning
6. the models and their cards, in the output, by default spacy_lstm_tagger/pretrained

Dev chooses the best step in each training; no dev sentence is trained on.
"""

import argparse
from datetime import date
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple

import srsly
from label import count_tags, label
from lemmas import find_lemmas
from spacy.tokens import DocBin
from spacy.vocab import Vocab
from teacher import train_teacher
from text import TO_VERB, find_text, substitute
from thinc.api import Config

from spacy_lstm_tagger.annotation_layers import LAYERS
from spacy_lstm_tagger.commands.evaluate import evaluate
from spacy_lstm_tagger.commands.train import train
from spacy_lstm_tagger.evaluation.judgements import accuracy
from spacy_lstm_tagger.formats.treebank import create_treebank_v1, read_docs
from spacy_lstm_tagger.pipeline.loading import find_tagger, load_pipeline
from spacy_lstm_tagger.shipped import find_config
from spacy_lstm_tagger.training.checkpoint import CHECKPOINT, WORK

SEED = 0
# How often the treebank is in the students' training data.
COPIES = 8
# Sentences are joined in documents of so many words, from which a student learns where sentences begin.
DOCUMENTS = 100
# Of all copies of the treebank: trees of one or two words are left out.
MIN_TREE_FREQ = 24

STUDENT: Dict[str, Any] = {
    "components.lstm_tagger.label_smoothing": 0.03,
    "components.lstm_tagger.min_tree_freq": MIN_TREE_FREQ,
    "components.lstm_tagger.model.compose_labels": False,
    "components.lstm_tagger.model.embedding_dropout": 0.05,
    "components.lstm_tagger.model.lower_case": 0.04,
    "components.lstm_tagger.model.upper_case": 0.04,
    "components.lstm_tagger.model.title_case": 0.04,
    "components.lstm_tagger.model.vocabulary.min_count": 15,
    "training.dropout": 0.15,
    "training.eval_frequency": 1000,
    # Whole multiword tokens, mostly misspelt ones, would have tags such as PRP_VBZ.
    "corpora.train.multiword": "split",
    "corpora.train.documents": DOCUMENTS,
    "corpora.dev.documents": 10 * DOCUMENTS,
    **{f"training.score_weights.{score}": 0.1 for score in ("lemma_acc", "raw_lemma_f", "raw_sents_f")},
}
# For each student its config, its steps, and the settings in which it differs.
STUDENTS: Dict[str, Dict[str, Any]] = {
    "en": {
        "config": "accurate",
        "steps": 28_000,
        "components.lstm_tagger.heads": ["tag", "pos", "morph"],
        "components.lstm_tagger.model.word_width": 80,
        "components.lstm_tagger.model.affix_width": 32,
        "components.lstm_tagger.model.character_width": 200,
        "components.lstm_tagger.model.hidden_width": 160,
        "components.lstm_tagger.model.dropout_samples": 1,
        "components.lstm_tagger.model.vocabulary.min_word_count": 3,
        "training.optimizer.learn_rate.initial_rate": 0.006,
    },
    "en_fast": {
        "config": "fast",
        "steps": 24_000,
        "components.lstm_tagger.model.word_width": 48,
        "components.lstm_tagger.model.vocabulary.min_word_count": 6,
        "training.dropout": 0.1,
    },
}
# The training of a student that gets heads for lemmas and sentence boundaries later.
WITH_ALL_HEADS = {
    **{name: value for name, value in STUDENT.items() if not name.startswith("components.")},
    "config": "accurate",
    "steps": 8000,
    "training.optimizer.learn_rate.initial_rate": 0.002,
    "training.eval_frequency": 500,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("treebank", type=Path)
    parser.add_argument("raw_text", type=Path)
    parser.add_argument("encoder", type=Path)
    parser.add_argument(
        "--held-out", type=Path, nargs="*", default=[], help="other treebanks that raw text must not be of"
    )
    parser.add_argument("--words", type=int, default=20_000_000, help="how many words of raw text are labelled")
    parser.add_argument("--work", type=Path, default=Path("models/en"))
    parser.add_argument("--output", type=Path, default=Path(str(files("spacy_lstm_tagger"))) / "pretrained")
    options = parser.parse_args()
    (train_path,) = options.treebank.glob("*-train.conllu")
    (dev_path,) = options.treebank.glob("*-dev.conllu")

    teacher, text, labelled = (options.work / name for name in ("teacher", "text", "labelled"))
    held_out = [dev_path, *options.held_out]
    train_teacher(options.encoder, train_path, dev_path, teacher)
    found = find_text(options.raw_text, text)
    label(teacher, found, labelled, train_path, held_out, options.words)
    made = substitute(count_tags(labelled), found[TO_VERB], text)
    label(teacher, made, labelled, train_path, held_out, options.words)
    lemmas = find_lemmas(count_tags(labelled), train_path)
    gold = DocBin(docs=read_docs(train_path, Vocab()), store_user_data=True)
    for i in range(COPIES):
        gold.to_disk(labelled / f"treebank-{i}.spacy")
    for name, settings in STUDENTS.items():
        student = options.work / "students" / name
        train_student(labelled, student, dev_path, {**STUDENT, **settings})
        if "components.lstm_tagger.heads" in settings:
            start, student = student, options.work / name
            add_all_heads(start / "model-best", train_path, student / "start")
            train_student(labelled, student, dev_path, {**WITH_ALL_HEADS, "start": student / "start"})
        export(student / "model-best", dev_path, lemmas, options.output / name)


def train_student(data: Path, output: Path, dev_path: Path, settings: Dict[str, Any]) -> None:
    """Train, go on with a training that was interrupted, or do nothing after one that was not."""
    if (output / "model-best").exists() and not (output / WORK).exists():
        return
    overrides = dict(settings)
    steps = overrides.pop("steps")
    for name in ("max_steps", "patience", "optimizer.learn_rate.total_steps"):
        overrides[f"training.{name}"] = steps
    config = overrides.pop("config")
    if start := overrides.pop("start", None):
        of_start = Config().from_disk(Path(str(find_config(config))), interpolate=False)
        of_start["components"]["lstm_tagger"] = {"source": str(start)}
        config = output / "config.cfg"
        of_start.to_disk(config)
    resume = (output / WORK / CHECKPOINT).exists()
    train(
        data, output, dev_path=dev_path, config=config, overrides=overrides, seed=SEED, resume=resume, force=not resume
    )


def add_all_heads(student: Path, train_path: Path, output: Path) -> None:
    """Give a student heads for what else the treebank has."""
    if not output.exists():
        nlp = load_pipeline(student)
        tagger = find_tagger(nlp)
        for settings in (tagger.cfg, nlp.get_pipe_config("lstm_tagger")):
            settings.update(heads=list(LAYERS), min_tree_freq=MIN_TREE_FREQ // COPIES)
        read = create_treebank_v1(train_path, documents=DOCUMENTS, multiword="split", gold_preproc=True)
        tagger.add_heads(read(nlp))
        output.parent.mkdir(parents=True, exist_ok=True)
        nlp.to_disk(output)


def export(pipeline: Path, dev_path: Path, lemmas: Mapping[Tuple[str, str], str], output: Path) -> None:
    """Write the tagger of a pipeline, with lemmas of words that it has not learned, and a card that says what it is."""
    nlp = load_pipeline(pipeline)
    tagger = find_tagger(nlp)
    tagger.add_known_lemmas(lemmas)
    tagger.to_disk(output, exclude=["vocab"])
    nlp.to_disk(pipeline.with_name("model-final"))
    scores = evaluate(str(pipeline.with_name("model-final")), dev_path)
    card = {
        "lang": "en",
        "name": output.name,
        "description": "Tags (Penn Treebank style), UPOS, morphological features, lemmas and sentences of English.",
        "license": "CC BY-SA 4.0",
        "sources": srsly.read_json(Path(__file__).with_name("sources.json")),
        "performance": {
            f"{layer}_acc": round(accuracy(layers.all), 5) for layer, layers in scores.items() if layers.all
        },
        "performance_on": "UD_English-EWT dev, the treebank's words and sentences; dev chose the best training step",
        "performance_command": f"python -m spacy lstm-tagger evaluate {output.name} en_ewt-ud-dev.conllu",
        "built_by": "python configs/en/build_model.py UD_English-EWT RAW_TEXT ENCODER",
        "seed": SEED,
        "date": date.today().isoformat(),
        "versions": {name: version(name) for name in ("spacy-lstm-tagger", "spacy", "torch")},
    }
    srsly.write_json(output / "meta.json", card)


if __name__ == "__main__":
    main()
