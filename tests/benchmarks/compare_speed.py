"""Compare how fast pipelines tag, in turns on one thread: words a second on a treebank's docs of several sentences.

    python tests/benchmarks/compare_speed.py en_ewt-ud-dev.conllu en en_fast en_core_web_sm

Beside them runs spaCy's own way, with weights that are not trained, which take the same time: `tagger`,
`morphologizer`, `trainable_lemmatizer` and `senter` of `init config --optimize efficiency` on one tok2vec, and the
first two alone. Of a pipeline of spaCy's, what does not tag is left out. Taggers that ship with the package run with
all heads, and with those for tags alone, as where a pipeline has a lemmatizer and a parser.
"""

import argparse
import statistics
import time
from pathlib import Path

import spacy
from spacy.cli.init_config import init_config
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import load_model_from_config
from wasabi import msg

from spacy_lstm_tagger.annotation_layers import TAG_LAYERS
from spacy_lstm_tagger.formats.sentence import has_sentences
from spacy_lstm_tagger.formats.treebank import create_treebank_v1
from spacy_lstm_tagger.pipeline.loading import load_pipeline
from spacy_lstm_tagger.shipped import PRETRAINED

NO_TAGGERS = ["parser", "ner", "senter", "lemmatizer", "trainable_lemmatizer"]
SPACY = {
    "spaCy tagger + morphologizer": ["tagger", "morphologizer"],
    "spaCy with lemmatizer and senter": ["tagger", "morphologizer", "trainable_lemmatizer", "senter"],
}
N_TURNS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="CoNLL-U file")
    parser.add_argument("models", nargs="+", help="directories or packages of pipelines, or pretrained taggers")
    parser.add_argument("--lang", default="en")
    options = parser.parse_args()
    read = create_treebank_v1(options.data, documents=200, gold_preproc=True, multiword="split")
    examples = [eg for eg in read(spacy.blank(options.lang)) if has_sentences(eg.reference)]
    pipelines = {name: make_peer(options.lang, components, examples) for name, components in SPACY.items()}
    for model in options.models:
        pipelines[model] = load_pipeline(model) if model in PRETRAINED else spacy.load(model, exclude=NO_TAGGERS)
        if model in PRETRAINED:
            tags_alone = pipelines[f"{model}, heads for tags alone"] = spacy.blank(options.lang)
            tags_alone.add_pipe("lstm_tagger", config={"pretrained": model, "heads": list(TAG_LAYERS)})
    speeds: dict[str, list[float]] = {name: [] for name in pipelines}
    for _ in range(1 + N_TURNS):  # the first is for caches
        for name, nlp in pipelines.items():
            speeds[name].append(words_a_second(nlp, examples))
    medians = {name: statistics.median(of_pipeline[1:]) for name, of_pipeline in speeds.items()}
    peers = list(medians.values())[:2]
    rows = [
        [name, f"{speed / 1000:.1f}k", *(f"{speed / peer:.2f}" for peer in peers)] for name, speed in medians.items()
    ]
    header = ["pipeline", "words/s", "to the first", "to the second"]
    msg.table(rows, header=header, divider=True, aligns=tuple("lrrr"))


def make_peer(lang: str, components: list[str], examples: list[Example]) -> Language:
    """spaCy's components, initialized for the labels of examples."""
    nlp = load_model_from_config(
        init_config(lang=lang, pipeline=components, optimize="efficiency", silent=True), auto_fill=True
    )
    nlp.initialize(lambda: [Example(nlp.make_doc(eg.text), eg.reference) for eg in examples])
    return nlp


def words_a_second(nlp: Language, examples: list[Example]) -> float:
    docs = [
        Doc(nlp.vocab, words=[t.text for t in eg.reference], spaces=[bool(t.whitespace_) for t in eg.reference])
        for eg in examples
    ]
    start = time.perf_counter()
    n_words = sum(len(doc) for doc in nlp.pipe(docs))
    return n_words / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
