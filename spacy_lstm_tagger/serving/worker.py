"""A thread that computes the answers, those of several requests at once."""

import asyncio
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, Callable, Generic, List, NamedTuple, Optional, TypeVar, Union

# How long the texts of a batch are together, in characters, unless a single request has more.
BATCH_CHARACTERS = 50_000

Answer = TypeVar("Answer")


class Job(NamedTuple):
    """The texts of a request, and where the answers go."""

    texts: List[str]
    answers: "Future[List[Any]]"


class Worker(Generic[Answer]):
    """Computes in a thread of its own, and together what waits: the more requests there are, the larger the batches."""

    def __init__(self, compute: Callable[[List[str]], List[Union[Answer, Exception]]]) -> None:
        """Set what is computed.

        compute (Callable[[List[str]], List[Union[Answer, Exception]]]): Gives for each text its answer, or why there is
            none.
        """
        self._compute = compute
        # None: the thread is to end.
        self._jobs: SimpleQueue[Optional[Job]] = SimpleQueue()
        self._thread = Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    async def answer(self, texts: List[str]) -> List[Answer]:
        """Wait for the answers to some texts.

        texts (List[str]): The texts.
        RETURNS (List[Answer]): The answers. Raises what was raised for the first text that has none.
        """
        job: Job = Job(texts, Future())
        self._jobs.put(job)
        answers = await asyncio.wrap_future(job.answers)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def stop(self) -> None:
        """End the thread when it has computed what it was given."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            jobs = [self._jobs.get()]
            while not self._jobs.empty() and sum(map(_size, jobs)) < BATCH_CHARACTERS:
                jobs.append(self._jobs.get())
            is_open = None not in jobs
            # Of a client that is gone, the future is cancelled.
            wanted = [job for job in jobs if job and job.answers.set_running_or_notify_cancel()]
            if wanted:
                self._compute_all(wanted)

    def _compute_all(self, jobs: List[Job]) -> None:
        try:
            answers = iter(self._compute([text for job in jobs for text in job.texts]))
            for job in jobs:
                job.answers.set_result([next(answers) for _ in job.texts])
        except Exception as error:  # of any pipeline: the thread goes on
            for job in jobs:
                job.answers.set_exception(error)


def _size(job: Optional[Job]) -> int:
    return sum(map(len, job.texts)) if job else 0
