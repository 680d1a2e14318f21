"""Go on from a tagger with other data: what it gains on that, and what it loses on a treebank.

    python tests/benchmarks/measure_adaptation.py UD_English-EWT [--base en] [--raw FILE] [--steps 1000] [--work DIR]

First with the code reviews of `corpus/`, and nothing, the treebank's training part or, with --raw, FILE rehearsed. Then
with 501 of the treebank's reviews, in which XPOS have the names of another tag set: those of TreeTagger, which tell the
forms of "be" and "have" from those of other verbs. Accuracies are on words of the dev parts, in percent.
"""

import argparse
from pathlib import Path
from typing import Any

from wasabi import table

from spacy_lstm_tagger.annotation_layers import NAMES
from spacy_lstm_tagger.commands.evaluate import evaluate
from spacy_lstm_tagger.commands.train import train
from spacy_lstm_tagger.evaluation.judgements import accuracy

LAYERS = ("pos", "tag", "morph", "lemma")
CORPUS = Path(__file__).parents[2] / "corpus"
N_REVIEWS = 501
RENAMED = {"NNP": "NP", "NNPS": "NPS", "PRP": "PP", "PRP$": "PP$", ".": "SENT"}
VERBS = {"be": "VB", "have": "VH"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("treebank", type=Path)
    parser.add_argument("--base", default="en")
    parser.add_argument("--raw", type=Path)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--work", type=Path, default=Path("adaptation"))
    options = parser.parse_args()
    (train_path,) = options.treebank.glob("*-train.conllu")
    (dev_path,) = options.treebank.glob("*-dev.conllu")
    rehearsed: dict[str, Path | None] = {"nothing": None, "the treebank": train_path}
    if options.raw is not None:
        rehearsed["raw text"] = options.raw

    review, review_dev = (CORPUS / f"en_code_review-{part}.conllu" for part in ("train", "dev"))
    options.work.mkdir(parents=True, exist_ok=True)
    rows = [[options.base, *percent(options.base, review_dev), *percent(options.base, dev_path)]]
    for name, path in rehearsed.items():
        best = adapt(options, review, review_dev, f"code-review-{name}", rehearse=path)
        rows.append([f"rehearsed: {name}", *percent(best, review_dev), *percent(best, dev_path)])
    header = [f"{data}: {NAMES[layer]}" for data in ("code review", "treebank") for layer in LAYERS]
    print(table(rows, header=["", *header], divider=True, aligns=tuple("l" + "r" * len(header))))

    paths = [options.work / f"reviews-{part}.conllu" for part in ("train", "dev")]
    for path, source, n in zip(paths, (train_path, dev_path), (N_REVIEWS, None)):
        path.write_text("".join(f"{block}\n\n" for block in rename_tags(source)[:n]), encoding="utf8")
    rows = []
    ways = [("nothing", None, ()), ("the treebank", train_path, ()), ("the treebank but XPOS", train_path, ("tag",))]
    for name, rehearse, forget in ways:
        best = adapt(options, paths[0], paths[1], f"reviews-{name}", rehearse=rehearse, forget=forget)
        rows.append([f"rehearsed: {name}", percent(best, paths[1])[1], percent(best, dev_path)[0]])
    header = ["reviews: XPOS of the other tag set", "treebank: UPOS"]
    print(table(rows, header=["", *header], divider=True, aligns=tuple("lrr")))


def adapt(options: argparse.Namespace, train_path: Path, dev_path: Path, name: str, **settings: Any) -> Path:
    """Train the base further, if that has not been done."""
    output = options.work / name.replace(" ", "-")
    if not (output / "model-best").exists():
        steps = dict.fromkeys(("training.max_steps", "training.optimizer.learn_rate.total_steps"), options.steps)
        train(train_path, output, dev_path=dev_path, base=options.base, overrides=steps, **settings)
    return output / "model-best"


def percent(model: str | Path, data: Path) -> list[str]:
    """The accuracy of each layer."""
    scores = evaluate(model, data)
    return [f"{100 * accuracy(scores[layer].all):.2f}" for layer in LAYERS]


def rename_tags(treebank: Path) -> list[str]:
    """The reviews among a treebank's sentences, with other names for XPOS, as blocks of CoNLL-U."""
    blocks = treebank.read_text(encoding="utf8").split("\n\n")
    return ["\n".join(map(rename_tag, block.split("\n"))) for block in blocks if "# sent_id = reviews-" in block]


def rename_tag(line: str) -> str:
    columns = line.split("\t")
    if len(columns) == 10:
        lemma, tag = columns[2], columns[4]
        columns[4] = VERBS.get(lemma, "VV") + tag[2:] if tag.startswith("VB") else RENAMED.get(tag, tag)
    return "\t".join(columns)


if __name__ == "__main__":
    main()
