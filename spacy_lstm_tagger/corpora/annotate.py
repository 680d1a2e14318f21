"""Annotating a corpus: what is there, what is left to do, and what came of it."""

import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from ..pipeline.loading import load_pipeline
from .job import Job, digest_model
from .local_engine import run_locally
from .output_folder import WORK, OutputFolder
from .outputs import FORMATS
from .ray_engine import run_on_ray
from .shards import Listing, Shard, find_shards
from .work import Counts, Event, ShardDone, UnitDone, open_output

SETTINGS = "settings.json"
ENGINES = ("local", "ray")
# Called with how much has been done: bytes of the input, tokens, and bytes that had been done before.
OnProgress = Callable[[int, int, int], object]


@dataclass
class Summary:
    """What came of a run.

    counts (Counts): What the output has now.
    n_files (int): How many files it has.
    skipped (List[str]): Files of the input whose names say no format.
    failures (List[str]): Why files could not be read.
    """

    counts: Counts = field(default_factory=Counts)
    n_files: int = 0
    skipped: List[str] = field(default_factory=list)
    failures: List[str] = field(default_factory=list)


def annotate(
    source: str,
    output: str,
    model: str = "en",
    *,
    engine: str = "local",
    format: str = "parquet",
    input_format: Optional[str] = None,
    text: str = "text",
    keep: Optional[Sequence[str]] = None,
    confidence: bool = False,
    n_workers: int = 0,
    n_gpus: int = 0,
    batch_size: Optional[int] = None,
    max_length: int = 1_000_000,
    strict: bool = False,
    address: Optional[str] = None,
    on_start: Callable[[int], object] = lambda n_bytes: None,
    on_progress: OnProgress = lambda n_bytes, n_tokens, n_bytes_before: None,
) -> Summary:
    """Annotate a corpus, or what an interrupted run has left of it.

    source (str): A file, a folder or a glob, on this machine or at an address that fsspec knows.
    output (str): The folder of the output, or its address. It gets a file for each of the input.
    model (str): Directory or package of a pipeline with an LSTM tagger, or a tagger that ships with this package.
    engine (str): "local", for processes of this machine, or "ray".
    format (str): Form of the output: "parquet", "jsonl", "conllu" or "spacy".
    input_format (Optional[str]): "text", "jsonl", "csv", "tsv", "parquet", "conllu" or "spacy". None: as names say.
    text (str): The field or column of the texts.
    keep (Optional[Sequence[str]]): The other fields that the output has too. None: all.
    confidence (bool): Whether to add the labels' probabilities.
    n_workers (int): How many processes annotate, each with one thread. 0: as many as there are cores or, if they are
        used, GPUs.
    n_gpus (int): How many GPUs compute, with a process each.
    batch_size (Optional[int]): How many texts are tagged at once. None: the pipeline's own number.
    max_length (int): How many characters a text may have; longer ones are errors.
    strict (bool): Whether to stop at the first record that cannot be tagged, with a ValueError.
    address (Optional[str]): The address of a Ray cluster. None: the one that Ray finds, or one on this machine.
    on_start (Callable[[int], object]): Is told how many bytes the input has.
    on_progress (OnProgress): Is told how much has been done.
    RETURNS (Summary): What came of it. Raises a ValueError if the settings or the input are not those of the run that
        is continued.
    """
    if engine not in ENGINES:
        raise ValueError(f"There is no engine '{engine}'. Use one of: {', '.join(ENGINES)}.")
    if format not in FORMATS:
        raise ValueError(f"There is no output format '{format}'. Use one of: {', '.join(FORMATS)}.")
    job = Job(
        output=_make_absolute(output),
        model=str(Path(model).resolve()) if Path(model).exists() else model,
        digest=digest_model(model),
        field=text,
        format=format,
        confidence=confidence,
        keep=None if keep is None else tuple(keep),
        max_length=max_length,
        strict=strict,
        batch_size=batch_size,
        gpu=n_gpus > 0,
    )
    listing = find_shards(source, input_format)
    folder = open_output(job)
    if f"{folder.path}/".startswith(f"{_make_absolute(source).rstrip('/')}/"):
        raise ValueError(f"The output {folder.path} is in the input {source}. Name a folder beside it.")
    _prepare(folder, listing.shards, job)
    start = partial(_start, job=job, engine=engine, n_workers=n_gpus or n_workers, address=address)
    with folder.lock():
        return _run(listing, folder, start, on_start, on_progress)


def _run(
    listing: Listing,
    folder: OutputFolder,
    start: Callable[[Sequence[Shard]], Iterator[Event]],
    on_start: Callable[[int], object],
    on_progress: OnProgress,
) -> Summary:
    """Annotate the files that are not in their place yet."""
    folder.remove(folder.find(WORK, "unfinished"))
    summary = Summary(skipped=listing.skipped)
    on_start(sum(shard.size for shard in listing.shards))
    left = []
    for shard in listing.shards:
        counts = _find_done(folder, shard)
        if counts is None:
            left.append(shard)
        else:
            summary.counts += counts
            summary.n_files += 1
            on_progress(0, 0, shard.size)
    n_rows = summary.counts.rows
    for event in start(left):
        if isinstance(event, ShardDone):
            summary.counts += event.counts
            summary.n_files += 1
        elif isinstance(event, UnitDone) and event.counts is not None:
            on_progress(event.n_bytes, event.counts.tokens, 0)
        elif isinstance(event, UnitDone):
            on_progress(0, 0, event.n_bytes)
        elif event.failure is None:
            n_rows += event.n_rows
        else:
            summary.failures.append(event.failure)
    if not summary.failures:
        if summary.n_files != len(listing.shards) or summary.counts.rows != n_rows:
            raise ValueError(
                f"{n_rows:,} rows of {len(listing.shards)} files were read, but {summary.counts.rows:,} rows of "
                f"{summary.n_files} files are in {folder.path}. Please report this."
            )
        folder.clean()
    return summary


def _start(shards: Sequence[Shard], job: Job, engine: str, n_workers: int, address: Optional[str]) -> Iterator[Event]:
    if not shards:
        return iter(())
    if engine == "ray":
        return run_on_ray(shards, job, n_workers, address)
    return run_locally(shards, job, n_workers or _count_cores())


def _count_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _make_absolute(address: str) -> str:
    """The address as processes with other working directories need it."""
    fs, path = url_to_fs(address)
    return path if isinstance(fs, LocalFileSystem) else str(fs.unstrip_protocol(path))


def _prepare(output: OutputFolder, shards: Sequence[Shard], job: Job) -> None:
    """Record the settings, or compare them with those of the run that is continued."""
    path = output.find(WORK, SETTINGS)
    settings: Dict[str, Any] = {**job.recorded, "input": [shard.name for shard in shards]}
    recorded = output.read_json(path)
    if recorded is None:
        if output.fs.exists(output.path) and output.fs.ls(output.path):
            raise ValueError(f"{output.path} is not empty, and no run of `annotate` began there. Name another folder.")
        load_pipeline(job.model)  # so that a model that does not work leaves nothing behind
        output.write_json(path, settings)
        return
    for name, value in settings.items():
        before = recorded.get(name)
        if value != before and name == "input":
            changed = sorted(set(value) ^ set(before or ()))
            where = "gone" if changed[0] in (before or ()) else "new"
            raise ValueError(
                f"The input is not that of the run which began in {output.path}: {changed[0]} is {where}. Restore the "
                "input, or name another output."
            )
        if value != before:
            raise ValueError(
                f"The run in {output.path} began with {name} = {before}, and not {value}. Use the same, or name "
                "another output."
            )


def _find_done(output: OutputFolder, shard: Shard) -> Optional[Counts]:
    """What is in the output of a file, None if it is not in its place yet."""
    done = output.read_json(output.done(shard))
    if done is None or not output.fs.exists(output.output(shard)):
        return None
    if (done["size"], done["version"]) != (shard.size, shard.version):
        raise ValueError(
            f"{shard.address} has changed since {output.output(shard)} was made of it. Restore it, or remove "
            f"{output.done(shard)} to annotate it again."
        )
    return Counts(*(done[name] for name in Counts._fields))
