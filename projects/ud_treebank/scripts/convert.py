"""Write a treebank for spaCy's own components, which read .spacy files, and a config for those that it has labels for.

    python scripts/convert.py TREEBANK OUTPUT --lang LANG

The config is spaCy's for efficiency. Its sentences are read as the LSTM tagger's are: one by one and in documents, with
multiword tokens split and as the tokenizer leaves them.
"""

import argparse
from pathlib import Path

from spacy.cli.init_config import init_config
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Config

from spacy_lstm_tagger.formats.treebank import read_docs
from spacy_lstm_tagger.formats.treebank_directory import find_parts
from spacy_lstm_tagger.shipped import find_config
from spacy_lstm_tagger.training.held_out import write_docs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("treebank", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--lang", required=True)
    options = parser.parse_args()
    docs = {}
    for part in ("train", "dev"):
        docs[part] = [doc for file in find_parts(options.treebank, part) for doc in read_docs(file, Vocab())]
        if not docs[part]:
            parser.error(f"{options.treebank} has no {part} part, which this project needs.")
        write_docs(docs[part], options.output / f"{part}.spacy")
        print(f"{part}: {len(docs[part]):,} sentences, {sum(map(len, docs[part])):,} words")
    config = init_config(lang=options.lang, pipeline=choose_components(docs["train"]), optimize="efficiency")
    ours = Config().from_str(find_config("fast").read_text("utf8"), interpolate=False)["corpora"]
    config["corpora"] = {**ours, "dev": {**ours["dev"], "raw_text": False}}
    config.to_disk(options.output / "spacy.cfg")


def choose_components(docs: list[Doc]) -> list[str]:
    """spaCy's components for the layers that the treebank has."""
    tokens = [token for doc in docs for token in doc]
    components = {
        "tagger": any(token.tag for token in tokens),
        "morphologizer": any(token.pos for token in tokens),
        "trainable_lemmatizer": any(token.lemma for token in tokens),
        "senter": True,
    }
    return [name for name, has_labels in components.items() if has_labels]


if __name__ == "__main__":
    main()
