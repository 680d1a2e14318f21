"""Score pipelines on the text of a treebank, with the tokens of each pipeline's own tokenizer.

    python tests/benchmarks/measure_raw_text.py fr_sequoia-ud-dev.conllu models/fr/model-best fr_core_news_md

Each sentence is a text. A token is right if it has the characters of one of the treebank's and its label; a multiword
token counts as the tokenizer has it. The last column counts the multiword tokens with the right UPOS, of those that the
tokenizer leaves whole.
"""

import argparse
from pathlib import Path

import spacy
from wasabi import msg

from spacy_lstm_tagger.annotation_layers import NAMES
from spacy_lstm_tagger.formats.multiword_tokens import find_multiword_tokens
from spacy_lstm_tagger.formats.raw_text import make_raw_example
from spacy_lstm_tagger.formats.treebank import read_docs
from spacy_lstm_tagger.pipeline.scorer import score_raw_text

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("data", type=Path, help="CoNLL-U file")
parser.add_argument("models", nargs="+", help="directories or packages of pipelines")


def main() -> None:
    arguments = parser.parse_args()
    rows = []
    for model in arguments.models:
        nlp = spacy.load(model, exclude=["parser", "ner", "senter", "lemmatizer", "trainable_lemmatizer"])
        examples = []
        n_whole = n_right = 0
        for doc in read_docs(arguments.data, nlp.vocab):
            eg = make_raw_example(doc, nlp)
            eg.predicted = nlp(eg.predicted)
            examples.append(eg)
            forms = {token.form for token in find_multiword_tokens(doc)}
            labels = {(token.idx, len(token)): token.pos_ for token in eg.predicted}
            for token in eg.reference:
                if token.text in forms and (token.idx, len(token)) in labels:
                    n_whole += 1
                    n_right += labels[token.idx, len(token)] == token.pos_
        scores = score_raw_text(examples)
        shares = [f"{100 * scores[layer].fscore:.2f}" if layer in scores else "-" for layer in ("pos", "tag", "morph")]
        rows.append([model, *shares, f"{n_right} of {n_whole}"])
    header = ["pipeline", NAMES["pos"], NAMES["tag"], NAMES["morph"], "multiword tokens"]
    msg.table(rows, header=header, divider=True, aligns=tuple("lrrrr"), title="F-score on raw text, in percent")


if __name__ == "__main__":
    main()
