from itertools import product

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_lstm_tagger.pipeline.label_combinations import Combinations, collect_combinations
from spacy_lstm_tagger.pipeline.probabilities import softmax

from ..conftest import SENTENCES, make_examples, make_pipeline

N_LABELS = (4, 3, 2)
ALL = list(product(*map(range, N_LABELS)))


def code(combination):
    return int(numpy.ravel_multi_index(combination, N_LABELS))


def count_once(combinations):
    return dict.fromkeys(sorted(map(code, combinations)), 1)


def likeliest_by_search(probabilities, combinations):
    """For one token: try every combination."""
    return max(combinations, key=lambda labels: sum(numpy.log(p[i]) for p, i in zip(probabilities, labels)))


@given(st.sets(st.sampled_from(ALL), min_size=1), st.integers(0, 2**32 - 1))
def test_each_token_gets_the_likeliest_combination(combinations, seed):
    generator = numpy.random.default_rng(seed)
    scores = [generator.normal(scale=2, size=(20, n)).astype("float32") for n in N_LABELS]
    reconciled = [part.copy() for part in scores]
    labels = Combinations(count_once(combinations), N_LABELS).reconcile(reconciled)
    for token in range(20):
        probabilities = [softmax(part[token : token + 1].astype("float64"))[0] for part in scores]
        expected = likeliest_by_search(probabilities, combinations)
        assert tuple(int(part[token].argmax()) for part in reconciled) == tuple(labels[token].tolist()) == expected
        unchanged = tuple(int(part[token].argmax()) for part in scores) in combinations
        assert unchanged == all(numpy.array_equal(a[token], b[token]) for a, b in zip(scores, reconciled))
    assert all(part.dtype == "float32" and not numpy.isnan(softmax(part)).any() for part in reconciled)


@pytest.mark.parametrize("n_tokens", [0, 1])
def test_few_tokens(n_tokens):
    scores = [numpy.zeros((n_tokens, n), dtype="float32") for n in N_LABELS]
    for combinations in ([], [(3, 2, 1)]):
        assert Combinations(count_once(combinations), N_LABELS).reconcile(scores).shape == (n_tokens, len(N_LABELS))


def test_collects_what_tokens_have_in_all_layers():
    annotations = {("X1", "NOUN", ""): 2, ("", "VERB", ""): 3, ("X2", "VERB", "A=b"): 4, ("X2", "VERB", "A=c"): 1}
    annotations["!X1", "VERB", ""] = 1
    assert collect_combinations(annotations, {"tag": ["X1", "X2"], "pos": ["NOUN", "VERB"]}) == {0: 2, 3: 5}


@pytest.mark.parametrize("annotations", [{}, {("X1", "NOUN", ""): 1}])
def test_label_in_no_combination_leaves_all_labels_free(annotations):
    assert collect_combinations(annotations, {"tag": ["X1", "X2"], "pos": ["NOUN"]}) == {}


def test_component_sets_only_combinations_of_the_training_data():
    known = {labels for sentence in SENTENCES for labels in zip(sentence["tags"], sentence["pos"], sentence["morphs"])}
    found = {}
    for consistent in (False, True):
        nlp = make_pipeline(consistent_labels=consistent)  # not trained: its heads contradict each other
        docs = list(nlp.pipe([" ".join(sentence["words"]) for sentence in SENTENCES]))
        found[consistent] = {(token.tag_, token.pos_, str(token.morph)) for doc in docs for token in doc}
        tagger = nlp.get_pipe("lstm_tagger")
        for doc, probabilities in zip(docs, tagger.predict_proba(docs)):
            for layer, labels in tagger.label_data.items():
                numpy.testing.assert_allclose(probabilities[layer].sum(axis=1), 1, atol=1e-5)
                chosen = [labels[i] for i in probabilities[layer].argmax(axis=1)]
                given = [{"tag": t.tag_, "pos": t.pos_, "morph": str(t.morph) or "_"}[layer] for t in doc]
                assert chosen == given
    assert found[True] <= known
    assert not found[False] <= known


def test_combinations_are_saved():
    nlp, again = make_pipeline(), make_pipeline(steps=1)
    again.from_bytes(nlp.to_bytes())
    text = " ".join(word for eg in make_examples(nlp) for word in (token.text for token in eg.reference))
    tags = [[(token.tag_, token.pos_, str(token.morph)) for token in pipeline(text)] for pipeline in (nlp, again)]
    assert tags[0] == tags[1]
    assert (
        nlp.get_pipe("lstm_tagger").label_scheme.combinations
        == again.get_pipe("lstm_tagger").label_scheme.combinations
        != {}
    )
