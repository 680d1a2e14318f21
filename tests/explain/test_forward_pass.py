"""How units are ordered, and which cells come before."""

import numpy
import pytest

from spacy_lstm_tagger.explain.forward_pass import cells_before, order_units
from spacy_lstm_tagger.explain.recurrence import QUANTITIES


def test_units_that_behave_alike_are_together():
    generator = numpy.random.default_rng(0)
    kind = generator.permutation(numpy.repeat([0, 1, 2], 5))
    patterns = numpy.asarray([[1, -1, 0.5, 0, 0.2], [0.2, 0.6, 1, -0.3, 0], [-1, 1, -0.5, 0, -0.2]])
    hidden = patterns[kind].T + generator.normal(0, 0.01, (5, 15))
    order = order_units(numpy.broadcast_to(hidden, (1, 1, 1, len(QUANTITIES), 5, 15)))[0, 0, 0]
    assert sorted(order.tolist()) == list(range(15))
    assert numpy.count_nonzero(numpy.diff(kind[order])) == 2


@pytest.mark.parametrize("direction, expected", [(0, [0, 1, 0, 3, 4]), (1, [2, 0, 4, 5, 0])])
def test_cell_before_the_first_word_of_a_sentence_is_zero(direction, expected):
    cells = numpy.asarray([[1.0], [2.0], [3.0], [4.0], [5.0]])
    before = cells_before(cells, numpy.asarray([0, 0, 1, 1, 1]), direction)
    assert before[:, 0].tolist() == expected
