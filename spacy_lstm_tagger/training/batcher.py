"""Batches of sentences for training."""

import random
from itertools import islice
from typing import Any, Callable, Iterable, Iterator, List, Sized


def create_batch_by_length_v1(size: int, buffer: int) -> Callable[[Iterable[Any]], Iterator[List[Any]]]:
    """Batch sentences of similar length, which need little padding, and shuffle the batches.

    Without shuffling, as in `spacy.batch_by_padded.v1`, every buffer ends with its shortest sentences, and the final
    weights fit fragments and titles best.

    size (int): The number of words at which a batch is full.
    buffer (int): How many sentences are sorted by length at a time.
    RETURNS (Callable[[Iterable[Example]], Iterator[List[Example]]]): The batcher. Raises a ValueError for a size or a
        buffer below 1.
    """
    if min(size, buffer) < 1:
        raise ValueError(f"size and buffer must be at least 1, not {size} and {buffer}.")

    def batch(items: Iterable[Any]) -> Iterator[List[Any]]:
        remaining = iter(items)
        while pool := list(islice(remaining, buffer)):
            batches = list(_fill(sorted(pool, key=len), size))
            random.shuffle(batches)
            yield from batches

    return batch


def _fill(items: Iterable[Sized], size: int) -> Iterator[List[Any]]:
    batch: List[Sized] = []
    n_words = 0
    for item in items:
        batch.append(item)
        n_words += len(item)
        if n_words >= size:
            yield batch
            batch, n_words = [], 0
    if batch:
        yield batch
