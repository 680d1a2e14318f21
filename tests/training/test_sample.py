"""Training on the sample in corpus/ for as long as it takes to learn something."""

from collections import Counter, defaultdict

import pytest
import spacy
from spacy.tokens import Doc

from spacy_lstm_tagger.commands.train import train
from spacy_lstm_tagger.formats.treebank import create_treebank_v1

from ..conftest import ROOT

TRAIN, DEV = (ROOT / "corpus" / f"en_sample-{part}.conllu" for part in ("train", "dev"))


@pytest.fixture(scope="module")
def nlp(tmp_path_factory):
    steps = {"training.max_steps": 300, "training.eval_frequency": 100}
    steps["training.optimizer.learn_rate.total_steps"] = 300
    return spacy.load(train(TRAIN, tmp_path_factory.mktemp("sample"), dev_path=DEV, overrides=steps))


def score_of_most_frequent_tags(nlp):
    """UPOS accuracy of giving each known word its most frequent tag, and others the most frequent of all."""
    read = create_treebank_v1(TRAIN, gold_preproc=True)
    tags = defaultdict(Counter)
    for token in (token for eg in read(nlp) for token in eg.reference):
        tags[token.lower_][token.pos_] += 1
    overall = sum(tags.values(), Counter()).most_common(1)
    pairs = [
        (token.pos_, tags.get(token.lower_, Counter(dict(overall))).most_common(1)[0][0])
        for eg in create_treebank_v1(DEV, gold_preproc=True)(nlp)
        for token in eg.reference
    ]
    return sum(gold == guess for gold, guess in pairs) / len(pairs)


@pytest.mark.slow
def test_tagger_is_well_above_the_most_frequent_tags(nlp):
    scores = nlp.evaluate(create_treebank_v1(DEV, gold_preproc=True)(nlp))
    assert scores["pos_acc"] > score_of_most_frequent_tags(nlp) + 0.05
    assert scores["tag_acc"] > 0.8 and scores["morph_acc"] > 0.8


@pytest.mark.slow
def test_long_doc_is_tagged_as_its_middle_is_alone(nlp):
    """200,000 tokens without sentence boundaries, read in windows."""
    words = [token.text for eg in create_treebank_v1(TRAIN, gold_preproc=True)(nlp) for token in eg.reference]
    doc = nlp(Doc(nlp.vocab, words=(words * 50)[:200_000]))
    assert all(token.tag for token in doc)
    # Periods of the text fall into windows differently, and agree but for the words at a window's edge.
    period = len(words)
    tags = [token.tag_ for token in doc]
    first, later = tags[period : 2 * period], tags[20 * period : 21 * period]
    assert sum(a == b for a, b in zip(first, later)) > 0.99 * period
