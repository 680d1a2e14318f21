import random

import pytest

from spacy_lstm_tagger.training.batcher import create_batch_by_length_v1


@pytest.fixture
def items():
    random.seed(0)
    return [[i] * random.randint(1, 30) for i in range(500)]


def test_batches_hold_all_items_once(items):
    batches = list(create_batch_by_length_v1(size=60, buffer=200)(items))
    assert sorted(item[0] for batch in batches for item in batch) == list(range(500))


def test_batches_are_filled_and_no_more(items):
    batches = list(create_batch_by_length_v1(size=60, buffer=1000)(items))
    assert sum(sum(map(len, batch)) < 60 for batch in batches) <= 1  # the rest
    assert all(sum(map(len, batch[:-1])) < 60 for batch in batches)


def test_items_of_a_batch_are_of_similar_length(items):
    batches = list(create_batch_by_length_v1(size=60, buffer=1000)(items))
    assert max(max(map(len, batch)) - min(map(len, batch)) for batch in batches) <= 3


def test_batches_come_in_random_order(items):
    lengths = [len(batch[0]) for batch in create_batch_by_length_v1(size=60, buffer=1000)(items)]
    assert lengths not in (sorted(lengths), sorted(lengths, reverse=True))


def test_random_seed_decides_order(items):
    batcher = create_batch_by_length_v1(size=60, buffer=100)
    runs = []
    for seed in (1, 1, 2):
        random.seed(seed)
        runs.append(list(batcher(items)))
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize("size, buffer", [(0, 10), (10, 0), (-1, 10)])
def test_impossible_size_is_named(size, buffer):
    with pytest.raises(ValueError, match=f"at least 1, not {size} and {buffer}"):
        create_batch_by_length_v1(size=size, buffer=buffer)


def test_nothing_gives_no_batches():
    assert list(create_batch_by_length_v1(size=10, buffer=10)([])) == []
