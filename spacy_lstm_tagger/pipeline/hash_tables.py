"""Words by their hashes, each with a number: the hashes sorted, and the numbers in the same order."""

from typing import Any, Tuple

import numpy


def find_numbers(keys: numpy.ndarray, numbers: numpy.ndarray, wanted: numpy.ndarray, default: Any) -> numpy.ndarray:
    """Look words up.

    keys (numpy.ndarray): The sorted hashes. uint64, shape (n_words,).
    numbers (numpy.ndarray): Their numbers. Shape (n_words,).
    wanted (numpy.ndarray): The hashes of some words. uint64, shape (n_wanted,).
    default (Any): The number of a word that is not there, or one for each.
    RETURNS (numpy.ndarray): The words' numbers. int64, shape (n_wanted,).
    """
    found = numpy.empty(len(wanted), dtype="int64")
    found[:] = default
    places, is_there = _find_places(keys, wanted)
    found[is_there] = numbers[places[is_there]]
    return found


def is_in(keys: numpy.ndarray, wanted: numpy.ndarray) -> numpy.ndarray:
    """Look words up.

    keys (numpy.ndarray): The sorted hashes. uint64, shape (n_words,).
    wanted (numpy.ndarray): The hashes of some words. uint64, shape (n_wanted,).
    RETURNS (numpy.ndarray): Whether they are there. bool, shape (n_wanted,).
    """
    return _find_places(keys, wanted)[1]


def _find_places(keys: numpy.ndarray, wanted: numpy.ndarray) -> Tuple[numpy.ndarray, numpy.ndarray]:
    """The places of words among the hashes, and whether they are there."""
    if not len(keys):
        return numpy.zeros(len(wanted), dtype="int64"), numpy.zeros(len(wanted), dtype=bool)
    places = numpy.minimum(numpy.searchsorted(keys, wanted), len(keys) - 1)
    return places, keys[places] == wanted


def is_hash_table(keys: numpy.ndarray, numbers: numpy.ndarray, n_numbers: int) -> bool:
    """RETURNS (bool): Whether hashes ascend, and each has one of so many numbers."""
    return len(keys) == len(numbers) and bool((keys[1:] > keys[:-1]).all()) and bool((numbers < n_numbers).all())
