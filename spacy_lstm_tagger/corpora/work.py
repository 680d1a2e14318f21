"""The work that engines hand out: to annotate a unit, and to join the units of a file. Either can be done again, with
the same result, wherever and however often."""

import json
from collections import defaultdict
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Union

import pyarrow

from ..tables.tagged_rows import tag_rows
from .job import Job
from .output_folder import OutputFolder
from .outputs import FORMATS
from .parsed_rows import parse_rows
from .records import BadRecord
from .shards import Shard
from .units import Unit, read_units

COUNTS = b"counts"
ERRORS = b"errors"


class Counts(NamedTuple):
    """How much there was of something.

    rows (int): Rows that were read.
    errors (int): Those of them that could not be annotated.
    wordless (int): Those of the others that have no words.
    tokens (int): The tokens of the others.
    """

    rows: int = 0
    errors: int = 0
    wordless: int = 0
    tokens: int = 0

    def __add__(self, other: Any) -> "Counts":
        return Counts(*map(sum, zip(self, other)))


class UnitDone(NamedTuple):
    """A unit has been annotated, now or before.

    shard (Shard): Its file.
    n_bytes (int): How many bytes of the file were read for it.
    counts (Optional[Counts]): What was in it. None if it was annotated before.
    """

    shard: Shard
    n_bytes: int
    counts: Optional[Counts]


class AllRead(NamedTuple):
    """A file has been read to its end, or could not be.

    shard (Shard): The file.
    n_units (int): How many units it has.
    n_rows (int): How many rows they have.
    failure (Optional[str]): Why it could not be read.
    """

    shard: Shard
    n_units: int
    n_rows: int
    failure: Optional[str] = None

    @property
    def place(self) -> str:
        """RETURNS (str): The file, for errors."""
        return self.shard.address


class ShardDone(NamedTuple):
    """The output of a file is in its place.

    shard (Shard): The file.
    counts (Counts): What was in it.
    """

    shard: Shard
    counts: Counts


# What an engine reports, and what it hands out.
Event = Union[UnitDone, AllRead, ShardDone]
Task = Union[Unit, AllRead]


class FilesRead:
    """Finds the files of which all units have been annotated, in whatever order that is reported."""

    def __init__(self) -> None:
        self.read: Dict[Shard, AllRead] = {}
        self.n_done: Dict[Shard, int] = defaultdict(int)

    def note(self, event: Event) -> Optional[AllRead]:
        """Note what has been done.

        event (Event): What it was.
        RETURNS (Optional[AllRead]): The file that is complete by that, and can be joined.
        """
        if isinstance(event, UnitDone):
            self.n_done[event.shard] += 1
        elif isinstance(event, AllRead) and event.failure is None:
            self.read[event.shard] = event
        if event.shard in self.read and self.n_done[event.shard] == self.read[event.shard].n_units:
            del self.n_done[event.shard]
            return self.read.pop(event.shard)
        return None


def read_work(shard: Shard, job: Job) -> Iterator[Union[Unit, UnitDone, AllRead]]:
    """Read the units of a file that are yet to be annotated.

    shard (Shard): The file.
    job (Job): The settings.
    YIELDS (Union[Unit, UnitDone, AllRead]): The units, those that have been annotated, and at last the file's end.
    """
    there = open_output(job).list_units(shard)
    n_units = n_rows = 0
    try:
        for unit in read_units(shard, job.field):
            n_units += 1
            n_rows += unit.n_rows
            yield UnitDone(shard, unit.n_bytes, None) if unit.number in there else unit
    except ValueError as error:
        yield AllRead(shard, n_units, n_rows, str(error))
    else:
        yield AllRead(shard, n_units, n_rows)


def do(task: Task, job: Job) -> Event:
    """Do a task.

    task (Task): A unit to annotate, or a file to join.
    job (Job): The settings.
    RETURNS (Event): What has been done.
    """
    return annotate_unit(task, job) if isinstance(task, Unit) else join_units(task, job)


def annotate_unit(unit: Unit, job: Job) -> UnitDone:
    """Annotate a unit, and write it where `join_units` finds it.

    unit (Unit): The unit.
    job (Job): The settings.
    RETURNS (UnitDone): What was in it. Raises a ValueError for a bad record if the job is strict.
    """
    with job.load().use() as nlp:
        rows, errors = parse_rows(unit, nlp, job)
        errors.extend(unit.errors)
        encoder = FORMATS[job.format].encode(unit, nlp, job)
        n_tokens = n_wordless = 0
        waiting = iter(rows)
        for batch in tag_rows(nlp, [row.make for row in rows], job.batch_size):
            pairs = list(zip(batch, waiting))
            errors.extend(BadRecord.of(row.line, doc, row.content) for doc, row in pairs if isinstance(doc, Exception))
            tagged = [(row, doc) for doc, row in pairs if not isinstance(doc, Exception)]
            docs = [doc for _, doc in tagged]
            encoder.add([row for row, _ in tagged], docs)
            n_tokens += sum(len(doc) for doc in docs if doc is not None)
            n_wordless += sum(doc is None or all(token.is_space for token in doc) for doc in docs)
        if errors and job.strict:
            first = min(errors)
            raise ValueError(f"{unit.shard.address}, line {first.line}: {first.reason}")
        encoded = encoder.finish()
    counts = Counts(unit.n_rows, len(errors), n_wordless, n_tokens)
    described = {COUNTS: json.dumps(counts), ERRORS: json.dumps(sorted(errors))}
    output = open_output(job)
    with output.write(output.unit(unit.shard, unit.number)) as file:
        schema = encoded.schema.with_metadata({**(encoded.schema.metadata or {}), **described})
        with pyarrow.ipc.new_file(file, schema) as writer:
            writer.write_table(encoded.replace_schema_metadata(schema.metadata))
    return UnitDone(unit.shard, unit.n_bytes, counts)


def join_units(read: AllRead, job: Job) -> ShardDone:
    """Put the output of a file in its place, when all its units are there.

    read (AllRead): The file.
    job (Job): The settings.
    RETURNS (ShardDone): What was in it. Raises a ValueError if rows are missing.
    """
    shard, output = read.shard, open_output(job)
    counts = Counts()
    errors: List[List[Any]] = []
    for number in range(read.n_units):
        with output.fs.open(output.unit(shard, number), "rb") as file:
            described = pyarrow.ipc.open_file(file).schema.metadata
        counts += Counts(*json.loads(described[COUNTS]))
        errors.extend(json.loads(described[ERRORS]))
    written = 0

    def read_units_again() -> Iterator[pyarrow.Table]:
        for number in range(read.n_units):
            with output.fs.open(output.unit(shard, number), "rb") as file:
                table = pyarrow.ipc.open_file(file).read_all()
            yield table.replace_schema_metadata(
                {key: value for key, value in (table.schema.metadata or {}).items() if key not in (COUNTS, ERRORS)}
            )

    if errors:
        with output.write(output.errors(shard)) as file:
            for error in errors:
                line = {"file": shard.address, **BadRecord(*error)._asdict()}
                file.write((json.dumps(line, ensure_ascii=False) + "\n").encode())
    else:
        output.remove(output.errors(shard))
    with output.write(output.output(shard)) as file:
        written = FORMATS[job.format].join(read_units_again, file)
    if not counts.rows == read.n_rows == written + counts.errors:
        raise ValueError(
            f"{shard.address}: {read.n_rows:,} rows were read, but {written:,} were written and {counts.errors:,} are "
            f"errors. Remove {output.path} and run the command again; if that does not help, please report it."
        )
    content = {"file": shard.address, "size": shard.size, "version": shard.version, **counts._asdict()}
    output.write_json(output.done(shard), content)
    output.remove(output.units(shard))
    return ShardDone(shard, counts)


def open_output(job: Job) -> OutputFolder:
    """RETURNS (OutputFolder): The folder of the output."""
    return OutputFolder(job.output, FORMATS[job.format].suffix)
