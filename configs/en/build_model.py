"""Rebuild the English model that ships with the package.

    python configs/en/build_model.py UD_English-EWT RAW_TEXT [--work DIR] [--output DIR]

UD_English-EWT is a directory with files named *-train.conllu and *-dev.conllu, RAW_TEXT one of English text in files
named *.txt.xz, a paragraph a line. It needs floret (`pip install floret`) and two hours on one core. Steps whose
result is in the work directory are not done again:

1. vectors: word vectors from the raw text (skip-gram)
2. teacher: two networks, else as in the config `accurate`, with these vectors, trained on the treebank
3. silver.spacy: a part of the raw text, labelled by the teacher
4. student: a model trained on both, without vectors
5. second_opinion.spacy: sentences in which the teacher takes a word in lower case for a name, since its vectors do not
   tell Apple from apple, with a label for this word by two networks without vectors
6. tuned-*: the student, trained a little more on the treebank and these sentences, three times (UPOS on dev
   95.7 -> 95.9, 96.0 and 96.0)
7. averaged: the mean of the weights of these three (96.0); Wortsman et al. (2022), https://arxiv.org/abs/2203.05482
8. the model and its card, in the output, by default spacy_lstm_tagger/pretrained/en

Dev chooses the best step in each training; no dev sentence is trained on.
"""

import argparse
import itertools
import lzma
import random
import shutil
from datetime import date
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, Sequence, Set

import floret
import spacy
import srsly
import torch
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training.initialize import convert_vectors
from thinc.api import Config
from tqdm import tqdm

from spacy_lstm_tagger.commands.evaluate import evaluate
from spacy_lstm_tagger.commands.train import train
from spacy_lstm_tagger.evaluation.judgements import accuracy
from spacy_lstm_tagger.formats.treebank import create_treebank_v1
from spacy_lstm_tagger.model.shim import get_network
from spacy_lstm_tagger.pipeline.loading import find_tagger, load_pipeline
from spacy_lstm_tagger.shipped import find_config
from spacy_lstm_tagger.training.checkpoint import CHECKPOINT, WORK

SEED = 0
WORDS_PER_FILE = 250_000
# Of conversations and of stories there is more than of anything else.
MORE_WORDS = {"changelog.txt.xz": 900_000, "standardebooks.txt.xz": 800_000}
# Longest piece of text without sentence boundaries, in words.
PIECE = 64
# How often the treebank is in the student's training data.
COPIES = 4
TUNING_STEPS = 2500
TUNING_SEEDS = [0, 1, 2]

# With which the models that label are trained: two networks, averaged.
LABELLER: Dict[str, Any] = {
    "components.lstm_tagger.model.n_members": 2,
    "components.lstm_tagger.model.hidden_width": 112,
    "components.lstm_tagger.model.dropout_samples": 1,
    "training.optimizer.learn_rate.initial_rate": 0.004,
}
STUDENT: Dict[str, Any] = {
    "components.lstm_tagger.label_smoothing": 0.03,
    "components.lstm_tagger.model.word_width": 64,
    "components.lstm_tagger.model.hidden_width": 160,
    "components.lstm_tagger.model.embedding_dropout": 0.05,
    "components.lstm_tagger.model.dropout_samples": 1,
    "components.lstm_tagger.model.lower_case": 0.04,
    "components.lstm_tagger.model.upper_case": 0.04,
    "components.lstm_tagger.model.title_case": 0.04,
    "components.lstm_tagger.model.vocabulary.min_word_count": 5,
    "components.lstm_tagger.model.vocabulary.min_count": 30,
    "training.dropout": 0.2,
    "training.max_steps": 20_000,
    "training.patience": 20_000,
    "training.eval_frequency": 500,
    "training.optimizer.learn_rate.initial_rate": 0.003,
    "training.optimizer.learn_rate.total_steps": 20_000,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("treebank", type=Path)
    parser.add_argument("raw_text", type=Path)
    parser.add_argument("--work", type=Path, default=Path("models/en"))
    parser.add_argument("--output", type=Path, default=Path(str(files("spacy_lstm_tagger"))) / "pretrained" / "en")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    (train_path,) = options.treebank.glob("*-train.conllu")
    (dev_path,) = options.treebank.glob("*-dev.conllu")
    raw_files = sorted(options.raw_text.glob("*.txt.xz"))

    vectors, teacher = options.work / "vectors", options.work / "teacher"
    if not vectors.exists():
        learn_vectors(raw_files, vectors)
    settings = {
        **LABELLER,
        "paths.vectors": str(vectors),
        "components.lstm_tagger.model.include_static_vectors": True,
    }
    train_step(train_path, teacher, dev_path, overrides=settings)
    student_data = options.work / "student_data"
    silver = student_data / "silver.spacy"
    if not silver.exists():
        student_data.mkdir(exist_ok=True)
        for i in range(COPIES):
            shutil.copy(train_path, student_data / f"treebank-{i}.conllu")
        DocBin(docs=label(sample(raw_files), spacy.load(teacher / "model-best"))).to_disk(silver)
    student = options.work / "student"
    train_step(student_data, student, dev_path, overrides=STUDENT)
    plain = options.work / "plain"
    train_step(train_path, plain, dev_path, overrides=LABELLER)
    tuning_data = options.work / "tuning_data"
    second_opinion = tuning_data / "second_opinion.spacy"
    if not second_opinion.exists():
        tuning_data.mkdir(exist_ok=True)
        shutil.copy(train_path, tuning_data / "treebank.conllu")
        nlp = spacy.load(plain / "model-best")
        labelled = DocBin().from_disk(silver).get_docs(nlp.vocab)
        DocBin(docs=label_names_again(labelled, nlp)).to_disk(second_opinion)
    config = tune(student / "model-best", options.work / "tuned.cfg")
    tuned = [options.work / f"tuned-{seed}" for seed in TUNING_SEEDS]
    for output, seed in zip(tuned, TUNING_SEEDS):
        train_step(tuning_data, output, dev_path, config=config, seed=seed)
    averaged = options.work / "averaged"
    average([output / "model-best" for output in tuned], dev_path).to_disk(averaged)
    export(averaged, dev_path, options.output)


def train_step(data: Path, output: Path, dev_path: Path, **settings: Any) -> None:
    """Train, go on with a training that was interrupted, or do nothing after one that was not."""
    if not (output / "model-best").exists() or (output / WORK).exists():
        resume = (output / WORK / CHECKPOINT).exists()
        train(
            data,
            output,
            dev_path=dev_path,
            resume=resume,
            force=not resume,
            **{"config": "accurate", "seed": SEED, **settings},
        )


def learn_vectors(raw_files: Iterable[Path], output: Path) -> None:
    """Learn vectors of lower-cased words, and write them as spaCy reads them."""
    nlp = spacy.blank("en")
    text, table = output.with_suffix(".txt"), output.with_suffix(".word2vec")
    with text.open("w", encoding="utf8") as file:
        for line in itertools.chain.from_iterable(map(read_lines, raw_files)):
            file.write(" ".join(token.lower_ for token in nlp.make_doc(line)) + "\n")
    model = floret.train_unsupervised(
        str(text), model="skipgram", mode="fasttext", dim=100, minCount=5, minn=0, maxn=0, ws=3, epoch=5, thread=1
    )
    with table.open("w", encoding="utf8") as file:
        file.write(f"{len(model.words)} {model.get_dimension()}\n")
        for word in model.words:
            file.write(" ".join([word, *(f"{value:.5f}" for value in model.get_word_vector(word))]) + "\n")
    convert_vectors(nlp, table, truncate=0, prune=-1, attr="LOWER")
    nlp.to_disk(output)


def sample(raw_files: Iterable[Path]) -> Iterator[str]:
    """Yield paragraphs from all of each file, as many as it may have words."""
    rng = random.Random(SEED)
    for path in raw_files:
        lines = list(read_lines(path))
        rng.shuffle(lines)
        n_words = 0
        for line in lines:
            n_words += len(line.split())
            if n_words > MORE_WORDS.get(path.name, WORDS_PER_FILE):
                break
            yield line


def read_lines(path: Path) -> Iterator[str]:
    with lzma.open(path, "rt", encoding="utf8") as file:
        for line in file:
            yield " ".join(line.split())


def label(paragraphs: Iterable[str], teacher: Language) -> Iterator[Doc]:
    """Label paragraphs sentence by sentence. Yield half of them as sentences, and half in pieces that begin and end
    anywhere, so that the model does not depend on sentence boundaries.
    """
    teacher.add_pipe("sentencizer", first=True)
    for number, doc in enumerate(tqdm(teacher.pipe(paragraphs), desc="labelling", unit="paragraphs")):
        if number % 2:
            bounds = [(sentence.start, sentence.end) for sentence in doc.sents]
        else:
            bounds = [(start, start + PIECE) for start in range(0, len(doc), PIECE)]
        for start, end in bounds:
            tokens = list(doc[start:end])
            yield Doc(
                teacher.vocab,
                words=[token.text for token in tokens],
                spaces=[bool(token.whitespace_) for token in tokens],
                tags=[token.tag_ for token in tokens],
                pos=[token.pos_ for token in tokens],
                morphs=[str(token.morph) for token in tokens],
            )


def label_names_again(docs: Iterable[Doc], nlp: Language) -> Iterator[Doc]:
    """Label words in lower case anew that were taken for names. Yield the sentences of those that now are not."""
    nlp.add_pipe("sentencizer", first=True)
    for doc in filter(find_lower_cased_names, docs):
        words, spaces = [token.text for token in doc], [bool(token.whitespace_) for token in doc]
        again = nlp(Doc(nlp.vocab, words, spaces))
        changed = find_lower_cased_names(doc) - find_lower_cased_names(again)
        for i in changed:
            doc[i].pos_, doc[i].tag_ = again[i].pos_, again[i].tag_
            doc[i].set_morph(again[i].morph)
        for sentence in again.sents:
            if changed & set(range(sentence.start, sentence.end)):
                yield doc[sentence.start : sentence.end].as_doc()


def find_lower_cased_names(doc: Doc) -> Set[int]:
    if doc.text.islower():
        return set()
    return {token.i for token in doc if token.pos_ == "PROPN" and token.text.islower() and token.text.isalpha()}


def tune(student: Path, path: Path) -> Path:
    """Write the config by which training goes on."""
    config = Config().from_disk(Path(str(find_config("accurate"))), interpolate=False)
    config["components"]["lstm_tagger"] = {"source": str(student)}
    config["training"].update(max_steps=TUNING_STEPS, patience=TUNING_STEPS, eval_frequency=100)
    learn_rate = {"initial_rate": 0.002, "warmup_steps": 50, "total_steps": TUNING_STEPS}
    config["training"]["optimizer"]["learn_rate"].update(learn_rate)
    config.to_disk(path)
    return path


def average(pipelines: Sequence[Path], dev_path: Path) -> Language:
    """Average the weights of pipelines that were trained from the same one, and calibrate the result on dev."""
    nlp, *others = map(spacy.load, pipelines)
    tagger = find_tagger(nlp)
    weights = [get_network(find_tagger(other).model).state_dict() for other in (nlp, *others)]
    mean = {name: torch.stack([each[name] for each in weights]).mean(dim=0) for name in weights[0]}
    get_network(tagger.model).load_state_dict(mean)
    tagger.calibrate(create_treebank_v1(dev_path, multiword="split", gold_preproc=True)(nlp))
    return nlp


def export(pipeline: Path, dev_path: Path, output: Path) -> None:
    """Write the tagger of a pipeline, and a card that says what it is."""
    load_pipeline(pipeline).get_pipe("lstm_tagger").to_disk(output, exclude=["vocab"])
    scores = evaluate(str(pipeline), dev_path)
    card = {
        "lang": "en",
        "name": "en",
        "description": "Tags (Penn Treebank style), UPOS and morphological features of English.",
        "license": "CC BY-SA 4.0",
        "sources": srsly.read_json(Path(__file__).with_name("sources.json")),
        "performance": {f"{layer}_acc": round(accuracy(layers.all), 5) for layer, layers in scores.items()},
        "performance_on": "UD_English-EWT dev, the treebank's words and sentences; dev chose the best training step",
        "performance_command": "python -m spacy lstm-tagger evaluate en en_ewt-ud-dev.conllu",
        "built_by": "python configs/en/build_model.py UD_English-EWT RAW_TEXT",
        "seed": SEED,
        "date": date.today().isoformat(),
        "versions": {name: version(name) for name in ("spacy-lstm-tagger", "spacy", "torch")},
    }
    srsly.write_json(output / "meta.json", card)


if __name__ == "__main__":
    main()
