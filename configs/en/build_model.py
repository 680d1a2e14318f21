"""Rebuild the English models that ship with the package.

    pip install transformers spacy-lstm-tagger[parquet]
    python configs/en/build_model.py UD_English-EWT RAW_TEXT ENCODER

UD_English-EWT is a directory with files named *-train.conllu and *-dev.conllu, RAW_TEXT one of English text in files
named *.txt.xz, a paragraph a line, and ENCODER one with the weights, the config and the tokenizer of all-mpnet-base-v2
or of another MPNet model. Steps whose result is in the work directory are not done again, and a step that was
interrupted goes on. On one core they take so long:

1. teacher: the encoder, tuned on the treebank (half an hour an epoch)
2. labelled: raw text that the teacher labels (half an hour for a million words)
3. students/en and students/en_fast: the networks of two configs, trained on this text and on the treebank (an hour)
4. en and en_fast: the same with heads for lemmas and sentence boundaries, trained on (a quarter of an hour)
5. the models and their cards, in the output, by default spacy_lstm_tagger/pretrained

Dev chooses the best step in each training; no dev sentence is trained on.
"""

import argparse
from datetime import date
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Dict

import srsly
from label import label
from spacy.tokens import DocBin
from spacy.vocab import Vocab
from teacher import train_teacher
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
STEPS = 28_000

STUDENT: Dict[str, Any] = {
    "components.lstm_tagger.label_smoothing": 0.03,
    "components.lstm_tagger.model.embedding_dropout": 0.05,
    "components.lstm_tagger.model.lower_case": 0.04,
    "components.lstm_tagger.model.upper_case": 0.04,
    "components.lstm_tagger.model.title_case": 0.04,
    "components.lstm_tagger.model.vocabulary.min_count": 30,
    "training.dropout": 0.15,
    "training.max_steps": STEPS,
    "training.patience": STEPS,
    "training.eval_frequency": 1000,
    "training.optimizer.learn_rate.total_steps": STEPS,
    "components.lstm_tagger.heads": ["tag", "pos", "morph"],
    # Whole multiword tokens, mostly misspelt ones, would have tags such as PRP_VBZ.
    "corpora.train.multiword": "split",
}
# For each student its config, and the settings in which it differs.
STUDENTS: Dict[str, Dict[str, Any]] = {
    "en": {
        "config": "accurate",
        "components.lstm_tagger.model.word_width": 80,
        "components.lstm_tagger.model.hidden_width": 160,
        "components.lstm_tagger.model.dropout_samples": 1,
        "components.lstm_tagger.model.vocabulary.min_word_count": 5,
        "training.optimizer.learn_rate.initial_rate": 0.006,
    },
    "en_fast": {
        "config": "fast",
        "components.lstm_tagger.model.word_width": 48,
        "components.lstm_tagger.model.vocabulary.min_word_count": 8,
        "training.dropout": 0.1,
        "training.max_steps": 24_000,
        "training.optimizer.learn_rate.total_steps": 24_000,
    },
}

# Training with lemmas and sentence boundaries.
MIN_TREE_FREQ, DOCUMENTS = 5, 100
WITH_LEMMAS = {"max_steps": 4000, "patience": 4000, "eval_frequency": 500, "dropout": 0.15}
LEARN_RATE_WITH_LEMMAS = {"initial_rate": 0.0015, "warmup_steps": 100, "total_steps": 4000}


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

    teacher, labelled = options.work / "teacher", options.work / "labelled"
    train_teacher(options.encoder, train_path, dev_path, teacher)
    label(teacher, options.raw_text, labelled, train_path, [dev_path, *options.held_out], options.words)
    gold = DocBin(docs=read_docs(train_path, Vocab()), store_user_data=True)
    for i in range(COPIES):
        gold.to_disk(labelled / f"treebank-{i}.spacy")
    for name, settings in STUDENTS.items():
        student, model = options.work / "students" / name, options.work / name
        train_student(labelled, student, dev_path, {**STUDENT, **settings})
        train_with_lemmas(student / "model-best", train_path, labelled, model, dev_path)
        export(model / "model-best", dev_path, options.output / name)


def train_student(data: Path, output: Path, dev_path: Path, settings: Dict[str, Any]) -> None:
    """Train, go on with a training that was interrupted, or do nothing after one that was not."""
    if not (output / "model-best").exists() or (output / WORK).exists():
        resume = (output / WORK / CHECKPOINT).exists()
        overrides = dict(settings)
        config = overrides.pop("config")
        train(
            data,
            output,
            dev_path=dev_path,
            config=config,
            overrides=overrides,
            seed=SEED,
            resume=resume,
            force=not resume,
        )


def train_with_lemmas(student: Path, train_path: Path, data: Path, output: Path, dev_path: Path) -> None:
    """Give a student heads for lemmas and sentence boundaries, and train it on."""
    start = output / "start"
    if not start.exists():
        nlp = load_pipeline(student)
        tagger = find_tagger(nlp)
        for settings in (tagger.cfg, nlp.get_pipe_config("lstm_tagger")):
            settings.update(heads=list(LAYERS), min_tree_freq=MIN_TREE_FREQ)
        read = create_treebank_v1(train_path, documents=DOCUMENTS, multiword="split", gold_preproc=True)
        tagger.add_heads(read(nlp))
        start.mkdir(parents=True)
        nlp.to_disk(start)
    config = Config().from_disk(Path(str(find_config("accurate"))), interpolate=False)
    config["components"]["lstm_tagger"] = {"source": str(start)}
    config["corpora"]["train"].update(documents=DOCUMENTS, multiword="split")
    config["training"].update(WITH_LEMMAS)
    config["training"]["optimizer"]["learn_rate"].update(LEARN_RATE_WITH_LEMMAS)
    config.to_disk(output / "config.cfg")
    train_student(data, output, dev_path, {"config": output / "config.cfg"})


def export(pipeline: Path, dev_path: Path, output: Path) -> None:
    """Write the tagger of a pipeline, and a card that says what it is."""
    load_pipeline(pipeline).get_pipe("lstm_tagger").to_disk(output, exclude=["vocab"])
    scores = evaluate(str(pipeline), dev_path)
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
