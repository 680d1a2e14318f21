"""Annotating a corpus with the processes of one machine."""

import multiprocessing
import os
import signal
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext
from threading import Thread
from typing import Deque, Dict, Iterable, Iterator, List, Optional

from .job import Job
from .shards import Shard
from .units import Unit
from .work import Event, FilesRead, Task, do, read_work

# How many tasks each worker has: the one it does, and one that waits for it.
TASKS_PER_WORKER = 2
# How often a task is tried whose worker dies.
MAX_TRIES = 3


def run_locally(shards: Iterable[Shard], job: Job, n_workers: int) -> Iterator[Event]:
    """Annotate files. This process reads them, and others annotate their units, each with one thread.

    shards (Iterable[Shard]): The files.
    job (Job): The settings.
    n_workers (int): How many processes annotate.
    YIELDS (Event): What has been done. Raises what a worker raises, and a ValueError for a task whose workers die.
    """
    workers = _Workers(job, n_workers)
    files = FilesRead()
    events: Deque[Event] = deque()
    try:
        for shard in shards:
            for item in read_work(shard, job):
                if isinstance(item, Unit):
                    events.extend(workers.submit(item))
                else:
                    events.append(item)
                while events:
                    yield events[0]
                    if complete := files.note(events.popleft()):
                        events.extend(workers.submit(complete))
        while events or (events := deque(workers.wait())):
            yield events[0]
            if complete := files.note(events.popleft()):
                events.extend(workers.submit(complete))
    finally:
        workers.close()


class _Workers:
    """Processes that do tasks, and are replaced if they die."""

    def __init__(self, job: Job, n_workers: int) -> None:
        self.job, self.n_workers = job, n_workers
        self.tasks: Dict[Future[Event], Task] = {}
        self.pool = self._start()

    def submit(self, task: Task) -> List[Event]:
        """Hand out a task as soon as a worker has room for it. RETURNS (List[Event]): What was done meanwhile."""
        events: List[Event] = []
        while len(self.tasks) >= TASKS_PER_WORKER * self.n_workers:
            events.extend(self.wait())
        try:
            self.tasks[self._hand_out(task)] = task
        except BrokenProcessPool:
            events.extend(self._recover())
            events.extend(self.submit(task))
        return events

    def wait(self) -> List[Event]:
        """Wait until a task is done. RETURNS (List[Event]): What was done; nothing if there are no tasks."""
        done, _ = wait(self.tasks, return_when=FIRST_COMPLETED)
        events: List[Event] = []
        with suppress(BrokenProcessPool):
            for future in done:
                events.append(future.result())
                del self.tasks[future]
            return events
        return [*events, *self._recover()]

    def close(self) -> None:
        """End the workers when they have done what they are at."""
        self.pool.shutdown(wait=False, cancel_futures=True)

    def _recover(self) -> List[Event]:
        """Replace the workers when one of them died, which ends all, and do again what they were at."""
        self.pool.shutdown()
        self.pool = self._start()
        tasks, self.tasks = self.tasks, {}
        return [self._retry(future, task) for future, task in tasks.items()]

    def _retry(self, future: "Future[Event]", task: Task) -> Event:
        """Do a task again, and no other at the same time: if the worker dies once more, it is for this one."""
        with suppress(BrokenProcessPool):
            return future.result()
        for _ in range(MAX_TRIES - 1):
            with suppress(BrokenProcessPool):
                return self._hand_out(task).result()
            self.pool.shutdown()
            self.pool = self._start()
        raise ValueError(
            f"{task.place}: the process that worked on this died {MAX_TRIES} times. If the memory was full, use fewer "
            "--workers; else leave these lines out."
        )

    def _hand_out(self, task: Task) -> "Future[Event]":
        # The pool starts a process when there is something to do.
        with _interrupts_blocked():
            return self.pool.submit(do, task, self.job)

    def _start(self) -> ProcessPoolExecutor:
        # Processes that fork would inherit threads of torch.
        context = multiprocessing.get_context("spawn")
        devices = _list_gpus(self.n_workers, context) if self.job.gpu else None
        return ProcessPoolExecutor(self.n_workers, context, _begin_worker, (devices,))


def _list_gpus(n_gpus: int, context: SpawnContext) -> "multiprocessing.Queue[str]":
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(n_gpus)))).split(",")
    devices: multiprocessing.Queue[str] = context.Queue()
    for device in visible[:n_gpus]:
        devices.put(device)
    return devices


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Let processes that are started not be stopped by Ctrl-C, which reaches them too, while they still import."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    resource_tracker.ensure_running()  # which would unblock them
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker(devices: Optional["multiprocessing.Queue[str]"]) -> None:
    """Take a GPU, and end with the process that hands out the tasks, however it ends: Ctrl-C reaches both."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    if devices is not None:
        # Before CUDA is used, which then has this one alone.
        os.environ["CUDA_VISIBLE_DEVICES"] = devices.get()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
