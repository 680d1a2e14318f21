"""Requests that are computed together, one by one and not at all."""

import asyncio
import threading
from itertools import chain

import pytest

from spacy_lstm_tagger.serving.worker import Worker


class Computing:
    """Gives each text in upper case, when it may; remembers which texts came together."""

    def __init__(self):
        self.batches = []
        self.has_begun, self.may_go_on = threading.Event(), threading.Event()

    def __call__(self, texts):
        self.has_begun.set()
        assert self.may_go_on.wait(60)
        self.batches.append(texts)
        return [ValueError(text) if text == "bad" else text.upper() for text in texts]


def answer_all(compute, requests, cancelled=()):
    """The answers, or errors, of requests that are made while the first is computed."""

    async def ask():
        worker = Worker(compute)
        worker.start()
        tasks = [asyncio.ensure_future(worker.answer(requests[0]))]
        assert await asyncio.to_thread(compute.has_begun.wait, 60)
        tasks += [asyncio.ensure_future(worker.answer(texts)) for texts in requests[1:]]
        await asyncio.sleep(0)
        for number in cancelled:
            tasks[number].cancel()
        await asyncio.sleep(0)
        compute.may_go_on.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        worker.stop()
        return answers

    return asyncio.run(ask())


def test_each_request_gets_its_answers():
    compute = Computing()
    requests = [["a"], [], ["b", "c"], ["d"]]
    assert answer_all(compute, requests) == [["A"], [], ["B", "C"], ["D"]]
    assert list(chain.from_iterable(compute.batches)) == ["a", "b", "c", "d"]


def test_requests_that_wait_are_computed_together():
    compute = Computing()
    answer_all(compute, [[str(number)] for number in range(20)])
    assert len(compute.batches) <= 2 and max(map(len, compute.batches)) >= 10


def test_batches_are_bounded(monkeypatch):
    monkeypatch.setattr("spacy_lstm_tagger.serving.worker.BATCH_CHARACTERS", 3)
    compute = Computing()
    answer_all(compute, [["a"]] * 20)
    assert max(map(len, compute.batches)) == 3


def test_an_error_is_that_of_its_request():
    a, bad, b = answer_all(Computing(), [["a"], ["c", "bad"], ["b"]])
    assert (a, b) == (["A"], ["B"])
    assert isinstance(bad, ValueError) and str(bad) == "bad"


def test_what_nobody_waits_for_is_not_computed():
    compute = Computing()
    *_, last = answer_all(compute, [["a"], ["b"], ["c"]], cancelled=[1])
    assert last == ["C"]
    assert "b" not in list(chain.from_iterable(compute.batches))


def test_thread_outlives_a_failure():
    def fail(texts):
        if texts == ["bad"]:
            raise RuntimeError("broken")
        return texts

    async def ask():
        worker = Worker(fail)
        worker.start()
        with pytest.raises(RuntimeError, match="broken"):
            await worker.answer(["bad"])
        assert await worker.answer(["good"]) == ["good"]
        worker.stop()

    asyncio.run(ask())
