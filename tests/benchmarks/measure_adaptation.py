"""Go on from a tagger with other data: what it gains on that, and what it loses on a treebank.

    python tests/benchmarks/measure_adaptation.py UD_English-EWT [--base en] [--raw FILE] [--steps 1000]
        [--config fast] [--steps-from-nothing 2500] [--work DIR]

First with the code reviews of `corpus/`, and nothing, the treebank's training part or, with --raw, FILE rehearsed. Then
with 501 of the treebank's reviews, in which XPOS have the names of another tag set: those of TreeTagger, which tell the
forms of "be" and "have" from those of other verbs. Beside each stands what training from nothing gives, with --config,
on the treebank's training part alone and together with the other data (for the reviews, without the XPOS of all other
sentences). Accuracies are on words of the dev parts, in percent.
"""

import argparse
from collections.abc import Callable, Iterable
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
    parser.add_argument("--config", default="fast")
    parser.add_argument("--steps-from-nothing", type=int, default=2500)
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
    blocks = read_blocks(train_path)
    for name, added in (("the treebank alone", []), ("both", read_blocks(review))):
        best = train_from_nothing(options, [*blocks, *added], dev_path, f"code-review-{name}")
        rows.append([f"from nothing: {name}", *percent(best, review_dev), *percent(best, dev_path)])
    header = [f"{data}: {NAMES[layer]}" for data in ("code review", "treebank") for layer in LAYERS]
    print(table(rows, header=["", *header], divider=True, aligns=tuple("l" + "r" * len(header))))

    paths = [options.work / f"reviews-{part}.conllu" for part in ("train", "dev")]
    reviews = list(filter(is_review, blocks))[:N_REVIEWS]
    renamed = [map_lines(rename_tag, block) for block in reviews]
    write_blocks(renamed, paths[0])
    write_blocks((map_lines(rename_tag, block) for block in read_blocks(dev_path) if is_review(block)), paths[1])
    rows = []
    ways = [("nothing", None, ()), ("the treebank", train_path, ()), ("the treebank but XPOS", train_path, ("tag",))]
    for name, rehearse, forget in ways:
        best = adapt(options, paths[0], paths[1], f"reviews-{name}", rehearse=rehearse, forget=forget)
        rows.append([f"rehearsed: {name}", percent(best, paths[1])[1], percent(best, dev_path)[0]])
    others = [map_lines(remove_tag, block) for block in blocks if block not in set(reviews)]
    best = train_from_nothing(options, [*others, *renamed], paths[1], "reviews-both")
    rows.append(["from nothing: both", percent(best, paths[1])[1], percent(best, dev_path)[0]])
    header = ["reviews: XPOS of the other tag set", "treebank: UPOS"]
    print(table(rows, header=["", *header], divider=True, aligns=tuple("lrr")))


def adapt(options: argparse.Namespace, train_path: Path, dev_path: Path, name: str, **settings: Any) -> Path:
    """Train the base further, if that has not been done."""
    output = options.work / name.replace(" ", "-")
    if not (output / "model-best").exists():
        steps = dict.fromkeys(("training.max_steps", "training.optimizer.learn_rate.total_steps"), options.steps)
        train(train_path, output, dev_path=dev_path, base=options.base, overrides=steps, **settings)
    return output / "model-best"


def train_from_nothing(options: argparse.Namespace, blocks: list[str], dev_path: Path, name: str) -> Path:
    """Train a tagger on sentences, blocks of CoNLL-U, if that has not been done."""
    output = options.work / f"from-nothing-{name.replace(' ', '-')}"
    train_path = options.work / f"{output.name}.conllu"
    if not (output / "model-best").exists():
        write_blocks(blocks, train_path)
        keys = ("training.max_steps", "training.optimizer.learn_rate.total_steps", "training.patience")
        steps = dict.fromkeys(keys, options.steps_from_nothing)
        train(train_path, output, dev_path=dev_path, lang="en", config=options.config, overrides=steps)
    return output / "model-best"


def percent(model: str | Path, data: Path) -> list[str]:
    """The accuracy of each layer."""
    scores = evaluate(model, data)
    return [f"{100 * accuracy(scores[layer].all):.2f}" for layer in LAYERS]


def read_blocks(path: Path) -> list[str]:
    """The sentences of a CoNLL-U file, as they are written."""
    return [block for block in path.read_text(encoding="utf8").split("\n\n") if block.strip()]


def write_blocks(blocks: Iterable[str], path: Path) -> None:
    path.write_text("".join(f"{block}\n\n" for block in blocks), encoding="utf8")


def is_review(block: str) -> bool:
    return "# sent_id = reviews-" in block


def map_lines(change: Callable[[str], str], block: str) -> str:
    return "\n".join(map(change, block.split("\n")))


def rename_tag(line: str) -> str:
    """A line of CoNLL-U with the other tag set's name of its XPOS."""
    columns = line.split("\t")
    if len(columns) == 10:
        lemma, tag = columns[2], columns[4]
        columns[4] = VERBS.get(lemma, "VV") + tag[2:] if tag.startswith("VB") else RENAMED.get(tag, tag)
    return "\t".join(columns)


def remove_tag(line: str) -> str:
    """A line of CoNLL-U without XPOS."""
    columns = line.split("\t")
    if len(columns) == 10:
        columns[4] = "_"
    return "\t".join(columns)


if __name__ == "__main__":
    main()
