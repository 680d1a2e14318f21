import copy
import pickle
import random
import threading

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_lstm_tagger.type_cache import TypeCache

from .conftest import SMALL_MODEL, TEXTS, make_examples, make_pipeline


class Encoder:
    """Makes a vector that tells word and version, and counts what it is asked for."""

    def __init__(self, version=0):
        self.version = version
        self.asked = []

    def __call__(self, words):
        self.asked += words
        return torch.tensor([[float(word), float(self.version)] for word in words]).reshape(len(words), 2)


def get(cache, words, encoder):
    return cache.get(words, encoder.version, encoder).tolist()


@given(st.integers(0, 8), st.lists(st.sets(st.integers(0, 12), min_size=1), max_size=12))
def test_vectors_are_those_of_the_encoder(size, batches):
    cache, encoder = TypeCache(size), Encoder()
    for batch in map(list, batches):
        assert get(cache, batch, encoder) == [[word, 0] for word in batch]


def test_a_word_is_encoded_once():
    cache, encoder = TypeCache(10), Encoder()
    for words in ([1, 2], [2, 3], [3, 1]):
        get(cache, words, encoder)
    assert encoder.asked == [1, 2, 3]


def test_no_more_words_are_kept_than_fit():
    cache, encoder = TypeCache(4), Encoder()
    for first in range(0, 30, 3):
        get(cache, [first, first + 1, first + 2], encoder)
        assert len(cache._table.rows) <= 4 == len(cache._table.vectors)


def test_other_weights_make_other_vectors():
    cache, old, new = TypeCache(10), Encoder(1), Encoder(2)
    get(cache, [1, 2], old)
    assert get(cache, [1], new) == [[1, 2]]
    assert get(cache, [2], new) == [[2, 2]]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda cache: pickle.loads(pickle.dumps(cache))])
def test_copies_begin_empty(duplicate):
    cache, encoder = TypeCache(10), Encoder()
    get(cache, [1], encoder)
    assert get(duplicate(cache), [1], encoder) == [[1, 0]]
    assert encoder.asked == [1, 1]


def test_threads_share_a_table_that_is_too_small():
    cache, encoder, wrong = TypeCache(20), Encoder(), []

    def work(seed):
        choice = random.Random(seed)
        for _ in range(300):
            words = choice.sample(range(60), 8)
            if get(cache, words, encoder) != [[word, 0] for word in words]:
                wrong.append(words)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def probabilities(nlp):
    tagger = nlp.get_pipe("lstm_tagger")
    docs = [nlp.make_doc(text) for text in TEXTS]
    return numpy.concatenate([rows.ravel() for p in tagger.predict_proba(docs) for rows in p.values()])


def test_tagging_between_updates_gives_what_it_gives_without_a_cache():
    """Before and after updates, with averaged weights, and with weights that are loaded."""

    def history(cache_size):
        nlp = make_pipeline(model={**SMALL_MODEL, "cache_size": cache_size, "word_dropout": 0.0})
        examples = make_examples(nlp)
        optimizer = nlp.create_optimizer()
        before = nlp.to_bytes()
        for _ in range(3):
            yield probabilities(nlp)
            nlp.update(examples, sgd=optimizer)
            yield probabilities(nlp)
            with nlp.use_params(optimizer.averages):
                yield probabilities(nlp)
        nlp.from_bytes(before)
        yield probabilities(nlp)

    for without, with_cache in zip(history(0), history(50_000)):
        numpy.testing.assert_allclose(with_cache, without, atol=1e-5)
