import copy
import pickle
import threading

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc

from spacy_lstm_tagger.model.tagging_pass import Portion, _group_by_length

from ..conftest import SMALL_MODEL, TEXTS, make_examples, make_pipeline


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
        numpy.testing.assert_array_equal(with_cache, without)


def test_loading_another_network_forgets_the_old_one(nlp, trained):
    before = probabilities(nlp)
    nlp.from_bytes(trained.to_bytes())
    after = probabilities(nlp)
    assert not numpy.array_equal(before, after)
    numpy.testing.assert_array_equal(probabilities(make_copy(nlp)), after)


def test_a_network_that_has_grown_is_not_the_old_one(nlp):
    before = probabilities(nlp)
    nlp.get_pipe("lstm_tagger").add_label("new")
    assert len(probabilities(nlp)) > len(before)


def make_copy(nlp):
    return make_pipeline(model=SMALL_MODEL).from_bytes(nlp.to_bytes())


def test_precision_can_be_changed_at_any_time(trained, monkeypatch):
    monkeypatch.setattr("spacy_lstm_tagger.network.hardware.computes_bfloat16", lambda device: True)
    model = trained.get_pipe("lstm_tagger").model
    seen = []
    for mixed in (True, False, True):
        monkeypatch.setattr(model.attrs["settings"], "mixed_precision", mixed)
        seen.append(probabilities(trained))
    numpy.testing.assert_array_equal(seen[0], seen[2])
    numpy.testing.assert_allclose(seen[0], seen[1], atol=0.05)
    assert not numpy.array_equal(seen[0], seen[1])


def test_memory_zones_free_strings_and_not_what_is_known_of_words(trained):
    text = "Zyzzyva dogs eat apples."
    first = [token.pos_ for token in trained(text)]
    for _ in range(3):
        with trained.memory_zone():
            assert [token.pos_ for token in trained(text)] == first
            assert all(token.pos_ for token in trained("Never seen qwertyness before."))


def test_threads_that_begin_together_agree(trained):
    nlp = make_copy(trained)
    expected = [[token.pos_ for token in trained(text)] for text in TEXTS]
    wrong = []

    def work():
        for _ in range(5):
            if [[token.pos_ for token in nlp(text)] for text in TEXTS] != expected:
                wrong.append(threading.get_ident())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@given(st.lists(st.integers(1, 30), min_size=1, max_size=50), st.integers(1, 8), st.integers(1, 40))
def test_groups_have_each_window_once_and_are_not_too_large(lengths, windows, words):
    lengths = numpy.asarray(lengths)
    groups = list(_group_by_length(lengths, Portion(windows, words, tokens=1)))
    found = [(start, length) for group in groups for start, length in zip(*map(numpy.ndarray.tolist, group))]
    assert sorted(found) == list(zip(numpy.cumsum(lengths) - lengths, lengths))
    assert [length for _, length in found] == sorted(lengths, reverse=True)
    assert all(len(group) == 1 or (len(group) <= windows and sum(group) <= words) for _, group in groups)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda fast_path: pickle.loads(pickle.dumps(fast_path))])
def test_copies_begin_empty(trained, duplicate):
    model = trained.get_pipe("lstm_tagger").model
    model.predict([Doc(trained.vocab, words=["dog"])])
    copied = duplicate(model.attrs["fast_path"])
    prepared = copied.prepare(model, trained.vocab)
    assert prepared.network is not model.attrs["fast_path"].prepare(model, trained.vocab).network
    assert prepared.cache._table is None
    assert prepared.cache._size == model.attrs["fast_path"].prepare(model, trained.vocab).cache._size
