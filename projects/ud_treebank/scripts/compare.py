"""Measure pipelines on the same sentences, and write a Markdown table.

    python scripts/compare.py DEV OUTPUT PIPELINE...

In percent: accuracies on the treebank's words and sentences, and F-scores on its text in documents of up to a thousand
words, where a token is right if it has the characters of one of the treebank's, and the same label.
"""

import argparse
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language

from spacy_lstm_tagger.annotation_layers import NAMES
from spacy_lstm_tagger.formats.raw_text import is_raw_text
from spacy_lstm_tagger.formats.treebank import create_treebank_v1
from spacy_lstm_tagger.pipeline.scorer import lstm_tagger_score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dev", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("pipelines", type=Path, nargs="+")
    options = parser.parse_args()
    scores = {path.parent.name: measure(spacy.load(path), options.dev) for path in options.pipelines}
    names = {
        **{f"{layer}_acc": name for layer, name in NAMES.items() if layer != "sents"},
        **{f"raw_{layer}_f": f"{name} on text" for layer, name in NAMES.items()},
    }
    lines = [["", *names.values()], ["---", *["---:"] * len(names)]]
    for pipeline, of_pipeline in scores.items():
        values = [of_pipeline.get(name) for name in names]
        lines.append([pipeline, *("-" if value is None else f"{100 * value:.2f}" for value in values)])
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    options.output.write_text(table, encoding="utf8")
    print(table)


def measure(nlp: Language, dev: Path) -> dict[str, Any]:
    """Tag the words and the text of sentences, and score both."""
    read = create_treebank_v1(dev, multiword="split", raw_text=True, documents=1000, gold_preproc=True)
    examples = list(read(nlp))
    for eg in examples:
        if not is_raw_text(eg):
            for token in eg.predicted:
                token.is_sent_start = token.i == 0
        eg.predicted = nlp(eg.predicted)
    return lstm_tagger_score(examples)


if __name__ == "__main__":
    main()
