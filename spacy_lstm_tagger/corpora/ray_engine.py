"""Annotating a corpus with Ray Data, on whatever cluster Ray finds.

Tasks read the files, and a pool of actors annotates their units as they come. A file is joined by a task once all its
units are there.
"""

from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Sequence

import numpy

from ..extras import import_extra
from .job import Job
from .shards import Shard
from .units import Unit
from .work import Event, FilesRead, annotate_unit, join_units, read_work

# How many processors a task that reads or joins reserves: it mostly waits, and actors may have reserved all.
READING_CPUS = 0

Batch = Dict[str, numpy.ndarray]


def run_on_ray(shards: Sequence[Shard], job: Job, n_workers: int, address: Optional[str] = None) -> Iterator[Event]:
    """Annotate files.

    shards (Sequence[Shard]): The files, which all machines of the cluster reach at the same address, as the output.
    job (Job): The settings.
    n_workers (int): How many actors annotate, each with one thread and, if GPUs are used, with one GPU. 0: as many as
        there are processors or GPUs.
    address (Optional[str]): As in `ray.init`.
    YIELDS (Event): What has been done. Raises a ValueError for what an actor, or Ray, cannot do.
    """
    ray = import_extra("ray", "ray")
    data = import_extra("ray.data", "ray")
    with _connect(ray, address), _small_blocks(data):
        resource = "GPU" if job.gpu else "CPU"
        n_workers = n_workers or int(ray.cluster_resources().get(resource, 0))
        if not n_workers:
            raise ValueError(f"The Ray cluster has no {resource}. Its resources: {ray.cluster_resources()}")
        items = data.from_items([{"shard": number} for number in range(len(shards))], override_num_blocks=len(shards))
        events = items.map_batches(
            _ReadFiles(shards, job), batch_size=1, batch_format="numpy", num_cpus=READING_CPUS
        ).map_batches(
            _AnnotateUnits,
            fn_constructor_kwargs={"job": job},
            batch_size=1,
            batch_format="numpy",
            compute=data.ActorPoolStrategy(size=n_workers),
            num_cpus=1,
            num_gpus=1 if job.gpu else 0,
        )
        join = ray.remote(num_cpus=READING_CPUS)(join_units)
        files = FilesRead()
        joining: List[Any] = []
        try:
            for batch in events.iter_batches(batch_size=None, batch_format="numpy", prefetch_batches=0):
                for event in batch["item"]:
                    if isinstance(event, str):
                        raise ValueError(event)
                    yield event
                    if complete := files.note(event):
                        joining.append(join.remote(complete, job))
                done, joining = ray.wait(joining, num_returns=len(joining), timeout=0) if joining else ([], [])
                yield from map(ray.get, done)
            yield from map(ray.get, joining)
        except ray.exceptions.RayTaskError as error:
            raise ValueError(str(error.cause)) from error
        except ray.exceptions.RayError as error:
            raise ValueError(f"Ray could not go on: {error}. Run the command again for what is missing.") from error


class _ReadFiles:
    """Reads the units of files, of which it gets the numbers."""

    def __init__(self, shards: Sequence[Shard], job: Job) -> None:
        self.shards, self.job = shards, job

    def __call__(self, batch: Batch) -> Iterator[Batch]:
        for number in batch["shard"]:
            for item in read_work(self.shards[number], self.job):
                yield _to_batch(item)


class _AnnotateUnits:
    """Annotates units, and hands on what else is reported."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def __call__(self, batch: Batch) -> Batch:
        (item,) = batch["item"]
        try:
            return _to_batch(annotate_unit(item, self.job) if isinstance(item, Unit) else item)
        except (ValueError, OSError) as error:
            # Ray would try it again, and hide the reason.
            return _to_batch(str(error))


def _to_batch(item: Any) -> Batch:
    column = numpy.empty(1, dtype=object)
    column[0] = item
    return {"item": column}


@contextmanager
def _connect(ray: Any, address: Optional[str]) -> Iterator[None]:
    """Use the cluster that the process is connected to, or another one until the end of the context."""
    if ray.is_initialized():
        yield
        return
    ray.init(address=address, log_to_driver=False, logging_level="warning")
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _small_blocks(data: Any) -> Iterator[None]:
    """Let each unit be a block, so that units are spread over the actors one by one."""
    context = data.DataContext.get_current()
    names = ("target_max_block_size", "enable_progress_bars")
    before = [getattr(context, name) for name in names]
    context.target_max_block_size, context.enable_progress_bars = 1, False
    try:
        yield
    finally:
        for name, value in zip(names, before):
            setattr(context, name, value)
