import random
import threading

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_lstm_tagger.inference.word_table import FEW, TypeCache, WordTable


class Encoder:
    """Makes rows that tell the word, and counts what it is asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, words):
        self.asked += words.tolist()
        rows = torch.tensor([0, *words.tolist()], dtype=torch.float32)
        return WordTable(rows.reshape(-1, 1, 1).repeat(1, 2, 3), *[rows[:, None]] * 2, *[rows[:, None, None]] * 2)


def get(cache, words, encoder):
    table, rows = cache.get(numpy.asarray(words, dtype="uint64"), encoder)
    assert all((part[0] == 0).all() for part in table)
    found = [part[torch.from_numpy(rows)].flatten(1)[:, 0].tolist() for part in table]
    assert found[0] == found[1] == found[2]
    return found[0]


@pytest.mark.parametrize("repeat", [1, FEW])
@given(st.integers(0, 8), st.lists(st.lists(st.integers(1, 13), min_size=1), max_size=12))
def test_rows_are_those_of_the_encoder(repeat, size, batches):
    cache, encoder = TypeCache(size), Encoder()
    for batch in batches:
        assert get(cache, batch * repeat, encoder) == batch * repeat


def test_a_word_is_encoded_once():
    cache, encoder = TypeCache(10), Encoder()
    for words in ([1, 2], [2, 3], [3, 1]):
        get(cache, words, encoder)
    assert encoder.asked == [1, 2, 3]


def test_no_more_words_are_kept_than_fit():
    cache, encoder = TypeCache(4), Encoder()
    for first in range(0, 30, 3):
        get(cache, [first, first + 1, first + 2], encoder)
        assert len(cache._table.known) == len(cache._table.rows) <= 4
        assert all(len(part) == 5 for part in cache._table.words)


def test_threads_share_a_table_that_is_too_small():
    cache, encoder, wrong = TypeCache(20), Encoder(), []

    def work(seed):
        choice = random.Random(seed)
        for _ in range(300):
            words = choice.sample(range(60), 8)
            if get(cache, words, encoder) != words:
                wrong.append(words)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_order_of_words_does_not_matter():
    cache, encoder = TypeCache(10), Encoder()
    words = [5, 3, 9]
    get(cache, words, encoder)
    _, rows = cache.get(numpy.asarray(words[::-1], dtype="uint64"), encoder)
    numpy.testing.assert_array_equal(rows, [3, 1, 2])
