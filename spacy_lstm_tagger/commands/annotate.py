"""Annotate a corpus."""

import time
from typing import TYPE_CHECKING, Optional

import typer
from wasabi import msg

from .cli import clean_exit, lstm_tagger_cli, show_progress

if TYPE_CHECKING:
    from ..corpora.annotate import Summary

# How many names of files a message has.
SHOWN = 5


@lstm_tagger_cli.command("annotate")
def annotate_cli(
    source: str = typer.Argument(..., metavar="INPUT", help="A file, a folder or a glob; or their address, for fsspec"),
    output: str = typer.Argument(..., help="The folder of the output, or its address"),
    model: str = typer.Option(
        "en", "--model", "-m", help="Directory or package of a pipeline, or a tagger that ships with this package"
    ),
    engine: str = typer.Option("local", "--engine", help="local, for the processes of this machine, or ray"),
    format: str = typer.Option("parquet", "--format", "-f", help="parquet, jsonl, conllu or spacy"),
    input_format: Optional[str] = typer.Option(
        None, "--input-format", help="text, jsonl, csv, tsv, parquet, conllu or spacy. Default: as the names say"
    ),
    field: str = typer.Option("text", "--field", help="The field or column of the texts"),
    keep: Optional[str] = typer.Option(
        None, "--keep", help="Other fields that the output has too, separated by commas. Default: all"
    ),
    confidence: bool = typer.Option(False, "--confidence", help="Add the confidence of each label"),
    workers: int = typer.Option(0, "--workers", "-n", min=0, help="How many processes annotate. Default: all cores"),
    gpus: int = typer.Option(0, "--gpus", min=0, help="How many GPUs compute, with a process each. Default: none"),
    batch_size: Optional[int] = typer.Option(None, "--batch-size", min=1, help="How many texts are tagged at once"),
    max_length: int = typer.Option(1_000_000, "--max-length", min=1, help="How many characters a text may have"),
    strict: bool = typer.Option(False, "--strict", help="Stop at the first record that cannot be tagged"),
    address: Optional[str] = typer.Option(None, "--address", help="The address of a Ray cluster, as in ray.init"),
) -> None:
    """
    Tag a corpus of any size: text, JSON lines, CSV, Parquet, CoNLL-U or .spacy. A run that was interrupted goes on
    where it stopped when the command is run again.
    """
    with clean_exit():
        # Packages of an extra, which take seconds to import.
        from ..corpora.annotate import annotate  # noqa: PLC0415

        progress = Progress()
        try:
            summary = annotate(
                source,
                output,
                model,
                engine=engine,
                format=format,
                input_format=input_format,
                text=field,
                keep=None if keep is None else [name.strip() for name in keep.split(",") if name.strip()],
                confidence=confidence,
                n_workers=workers,
                n_gpus=gpus,
                batch_size=batch_size,
                max_length=max_length,
                strict=strict,
                address=address,
                on_start=progress.start,
                on_progress=progress.update,
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt("Run the command again: it goes on where it stopped.") from None
        finally:
            progress.bar.close()
        _report(summary, output, format)


class Progress:
    """A bar with the share of the input, tokens a second and the time that is left."""

    def __init__(self) -> None:
        self.bar = show_progress(unit="B", total=0)
        self.started = time.monotonic()
        self.n_tokens = 0

    def start(self, n_bytes: int) -> None:
        self.bar.total = n_bytes

    def update(self, n_bytes: int, n_tokens: int, n_bytes_before: int) -> None:
        """Add what has been done by this run, and before it: that tells nothing of its speed."""
        self.n_tokens += n_tokens
        if n_tokens:
            speed = self.n_tokens / (time.monotonic() - self.started)
            self.bar.set_postfix_str(f"{speed:,.0f} tokens/s", refresh=False)
        if not self.bar.disable:
            self.bar.initial += n_bytes_before
        self.bar.update(n_bytes + n_bytes_before)


def _report(summary: "Summary", output: str, format: str) -> None:
    counts = summary.counts
    if summary.skipped:
        shown = ", ".join([*summary.skipped[:SHOWN], *(["..."] if len(summary.skipped) > SHOWN else [])])
        msg.warn(f"{len(summary.skipped):,} files were skipped, since their names say no format: {shown}")
    if counts.errors:
        msg.warn(f"{counts.errors:,} of {counts.rows:,} rows could not be tagged. They are in {output}/_errors.")
    if counts.wordless and format == "conllu":
        msg.warn(f"{counts.wordless:,} rows have no words. CoNLL-U has no place for them.")
    if summary.failures:
        done = f"{summary.n_files:,} files are done. When this is mended, run the command again for the others."
        raise ValueError("\n".join([*summary.failures, done]))
    msg.good(f"{output}: {counts.rows - counts.errors:,} rows, {counts.tokens:,} tokens, {summary.n_files:,} files")
