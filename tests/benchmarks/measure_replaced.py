"""What `replace_taggers` does to a pipeline: accuracies on a treebank's words, and whether parse and entities stay.

python tests/benchmarks/measure_replaced.py en_ewt-ud-dev.conllu en_core_web_sm --model en
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training.converters import conllu_to_docs
from wasabi import table

from spacy_lstm_tagger import replace_taggers

LAYERS = {"UPOS": "pos_", "XPOS": "tag_", "FEATS": "morph", "lemma": "lemma_"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dev", type=Path)
    parser.add_argument("pipeline", help="directory or package of a spaCy pipeline")
    parser.add_argument(
        "--model", default="en", help="directory or package of the tagger's pipeline, or a pretrained one"
    )
    options = parser.parse_args()
    text = options.dev.read_text("utf8")
    gold = [sent.as_doc() for doc in conllu_to_docs(text, n_sents=1, no_print=True) for sent in doc.sents]
    nlp = spacy.load(options.pipeline)
    before = tag(nlp, gold)
    after = tag(replace_taggers(nlp, options.model), gold)
    rows = [[name, *accuracies(docs, gold)] for name, docs in (("before", before), ("after", after))]
    print(table(rows, header=["", *LAYERS], divider=True, aligns=("l", "r", "r", "r", "r")))
    same = sum(structure(one) == structure(two) for one, two in zip(before, after))
    print(f"{same:,} of {len(gold):,} sentences have the same parse and entities as before")


def tag(nlp: Language, gold: Sequence[Doc]) -> list[Doc]:
    words = [
        Doc(nlp.vocab, words=[token.text for token in doc], spaces=[bool(token.whitespace_) for token in doc])
        for doc in gold
    ]
    return list(nlp.pipe(words))


def accuracies(docs: Sequence[Doc], gold: Sequence[Doc]) -> list[str]:
    n_right = Counter(
        name
        for doc, of_gold in zip(docs, gold)
        for token, expected in zip(doc, of_gold)
        for name, attribute in LAYERS.items()
        if str(getattr(token, attribute)) == str(getattr(expected, attribute))
    )
    # Where a treebank has no XPOS, spaCy's converter puts UPOS there.
    has_tags = any(token.tag_ != token.pos_ for doc in gold for token in doc)
    n_words = sum(map(len, gold))
    return [f"{100 * n_right[name] / n_words:.2f}" if name != "XPOS" or has_tags else "-" for name in LAYERS]


def structure(doc: Doc) -> object:
    return [(token.dep_, token.head.i) for token in doc], [(ent.start, ent.end, ent.label_) for ent in doc.ents]


if __name__ == "__main__":
    main()
