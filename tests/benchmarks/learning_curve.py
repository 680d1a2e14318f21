"""Train on parts of a treebank: accuracy by the number of sentences, beside spaCy's taggers, and what raw text and a
lexicon add.

    python tests/benchmarks/learning_curve.py TREEBANK [--sizes 100 300 1000 3000] [--config fast] [--steps 2000]
        [--seed 0] [--raw FILE] [--work DIR]

TREEBANK is a directory with files named *-train.conllu and *-dev.conllu. The sentences are the first ones of its
training part. spaCy is `tagger` and `morphologizer`, as `spacy init config -o efficiency` configures them, trained
until it stops by itself. With --raw a second tagger learns from FILE too, as the first one labels it (`train --raw`).
The lexicon has the words of the whole training part with all UPOS and XPOS tags that they have there: it stands for one
that somebody has. Accuracies are on the words of the dev part, in percent; "unknown" are words that the sentences lack.
"""

import argparse
from pathlib import Path

import spacy
from compare_with_spacy import SPACY, find, peer_config, tags_alone, train
from spacy.tokens import Doc
from spacy.training import Example
from wasabi import table

from spacy_lstm_tagger.commands.train import train as train_tagger
from spacy_lstm_tagger.formats.sentence import copy_words
from spacy_lstm_tagger.formats.treebank import read_docs
from spacy_lstm_tagger.training.held_out import write_docs

LAYERS = ("pos", "tag", "morph")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("treebank", type=Path)
    parser.add_argument("--sizes", nargs="+", type=int, default=[100, 300, 1000, 3000])
    parser.add_argument("--config", default="fast")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--peer-steps", type=int, help="train spaCy for so many steps alone, to try the script")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--raw", type=Path)
    parser.add_argument("--work", type=Path, default=Path("learning-curve"))
    options = parser.parse_args()
    vocab = spacy.vocab.Vocab()
    sentences = list(read_docs(find(options.treebank, "train"), vocab))
    dev = list(read_docs(find(options.treebank, "dev"), vocab))
    lang = find(options.treebank, "train").name.split("_")[0]
    lexicon = collect_lexicon(sentences)
    rows = []
    for size in options.sizes:
        work = options.work / str(size)
        part = sentences[:size]
        paths = {name: write_docs(docs, work / f"{name}.spacy") for name, docs in (("train", part), ("dev", dev))}
        known = {token.text.lower() for doc in part for token in doc}
        for name, config in ((SPACY, peer_config(lang, find(options.treebank, "train"), "")), ("", None)):
            if config is not None:
                config.to_disk(work / f"{name}.cfg")
                train(work / f"{name}.cfg", work / name, paths, lang, options.seed, options.peer_steps)
                rows.append([f"{size:,}", name, *accuracies(work / name / "model-best", dev, known)])
        tags_alone(options.config).to_disk(work / "config.cfg")
        for name, raw in (("lstm_tagger", None), ("with raw text", options.raw)):
            if name == "lstm_tagger" or raw is not None:
                best = work / name.replace(" ", "-") / "model-best"
                if not best.exists():
                    train_on(work / "config.cfg", paths, best.parent, lang, options, raw)
                rows.append([f"{size:,}", name, *accuracies(best, dev, known)])
        best = work / "lstm_tagger" / "model-best"
        rows.append([f"{size:,}", "with a lexicon", *accuracies(best, dev, known, lexicon)])
    header = ["sentences", "", "UPOS", "XPOS", "FEATS", "UPOS unknown", "XPOS unknown"]
    print(
        f"\n{options.treebank.name}, dev, given words, {options.config} in {options.steps:,} steps, seed {options.seed}"
    )
    print(table(rows, header=header, divider=True, aligns=tuple("rlrrrrr")))


def train_on(
    config: Path, paths: dict[str, Path], output: Path, lang: str, options: argparse.Namespace, raw: Path | None
) -> None:
    train_tagger(
        paths["train"],
        output,
        dev_path=paths["dev"],
        lang=lang,
        config=config,
        seed=options.seed,
        raw=raw,
        overrides={
            "training.max_steps": options.steps,
            "training.optimizer.learn_rate.total_steps": options.steps,
        },
    )


def collect_lexicon(docs: list[Doc]) -> dict[str, dict[str, list[str]]]:
    """All UPOS and XPOS tags of each word in lower case."""
    found: dict[str, dict[str, set[str]]] = {}
    for token in (token for doc in docs for token in doc):
        for layer, label in (("pos", token.pos_), ("tag", token.tag_)):
            if label:
                found.setdefault(token.text.lower(), {}).setdefault(layer, set()).add(label)
    return {word: {layer: sorted(names) for layer, names in labels.items()} for word, labels in found.items()}


def accuracies(
    path: Path, dev: list[Doc], known: set[str], lexicon: dict[str, dict[str, list[str]]] | None = None
) -> list[str]:
    nlp = spacy.load(path)
    if lexicon is not None:
        tagger = nlp.get_pipe("lstm_tagger")
        # Tags that the sentences lack cannot be found, nor asked for.
        kept = {
            word: {layer: [x for x in names if x in tagger.label_data[layer]] for layer, names in labels.items()}
            for word, labels in lexicon.items()
        }
        tagger.set_lexicon({word: labels for word, labels in kept.items() if all(labels.values())})
    examples = [Example(copy_words(doc, nlp.vocab), doc) for doc in dev]
    for eg, doc in zip(examples, nlp.pipe([eg.predicted for eg in examples])):
        eg.predicted = doc
    pairs = [pair for eg in examples for pair in zip(eg.reference, eg.predicted)]
    unknown = [pair for pair in pairs if pair[0].text.lower() not in known]
    shown = [(pairs, layer) for layer in LAYERS] + [(unknown, layer) for layer in ("pos", "tag")]
    return [percent_right(*part) for part in shown]


def percent_right(pairs: list, layer: str) -> str:
    """The share of words with the right label, of those that have one."""

    def label(token) -> str:
        return (str(token.morph) or "_") if layer == "morph" else getattr(token, f"{layer}_")

    judged = [label(gold) == label(given) for gold, given in pairs if label(gold)]
    return f"{100 * sum(judged) / len(judged):.2f}" if judged else "-"


if __name__ == "__main__":
    main()
