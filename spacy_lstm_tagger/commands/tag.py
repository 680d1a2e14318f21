"""Tag text."""

import os
import sys
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Callable, Iterable, Iterator, List, Optional

import typer
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch
from wasabi.util import supports_ansi

from ..formats.filled_conllu import Block, fill_block, is_conllu, read_blocks
from ..formats.sentence import split_sentences
from ..formats.tagged_text import list_misc, render
from ..pipeline.loading import find_tagger, load_pipeline
from .cli import clean_exit, lstm_tagger_cli, show_progress

# How much of a stream is read at once, in bytes: enough for full batches.
CHUNK = 1 << 16


@lstm_tagger_cli.command("tag")
def tag_cli(
    texts: Optional[List[str]] = typer.Argument(None, metavar="[TEXT]...", help="Texts. Default: standard input"),
    input_file: Optional[typer.FileBinaryRead] = typer.Option(
        None, "--input", "-i", metavar="FILE", help="File with one text per line, or CoNLL-U; - is standard input"
    ),
    model: str = typer.Option(
        "en", "--model", "-m", help="Directory or package of a pipeline, or a tagger that ships with this package"
    ),
    format: Optional[str] = typer.Option(
        None,
        "--format",
        "-f",
        help="table, conllu, json (one object per line), tsv or html. Default: conllu for CoNLL-U, table for text",
    ),
    confidence: bool = typer.Option(
        False, "--confidence", help="Show the confidence of each label, and mark doubtful words with a ?"
    ),
    sentences: bool = typer.Option(
        False, "--sentences", help="Show each sentence by itself, as the pipeline or a rule splits them"
    ),
) -> None:
    """
    Tag texts: the arguments, or the lines of a file or of standard input. In CoNLL-U, fill in UPOS, XPOS and FEATS.
    """
    with clean_exit():
        if texts and input_file is not None:
            raise typer.BadParameter("Give either texts, or a file of them with --input.")
        color = sys.stdout.isatty() and supports_ansi() and not os.environ.get("NO_COLOR")
        if texts:
            pieces = tag_batches(
                [texts], model, format=format or "table", confidence=confidence, sentences=sentences, color=color
            )
        else:
            stream = input_file or sys.stdin.buffer
            pieces = _tag_stream(stream, model, format, confidence=confidence, sentences=sentences, color=color)
        for piece in pieces:
            sys.stdout.write(piece)
            sys.stdout.flush()


def tag(
    texts: Iterable[str],
    model: str = "en",
    *,
    format: str = "table",
    confidence: bool = False,
    sentences: bool = False,
    color: bool = False,
) -> Iterator[str]:
    """Tag texts.

    texts (Iterable[str]): The texts.
    model (str): Directory or package of a pipeline with an LSTM tagger, or a tagger that ships with this package.
    format (str): Form of the output: "table", "conllu", "json", "tsv" or "html". In CoNLL-U, texts are always split
        into sentences.
    confidence (bool): Whether to show the confidence of each label.
    sentences (bool): Whether each sentence is shown as a text. The pipeline sets their boundaries, or spaCy's
        sentencizer does, after tagging: labels are the same in every format.
    color (bool): Whether tables have colours, by escape sequences of a terminal.
    YIELDS (str): Pieces of the output.
    """
    return tag_batches([texts], model, format=format, confidence=confidence, sentences=sentences, color=color)


def tag_batches(
    batches: Iterable[Iterable[str]],
    model: str = "en",
    *,
    format: str = "table",
    confidence: bool = False,
    sentences: bool = False,
    color: bool = False,
) -> Iterator[str]:
    """Tag texts that come in batches. Each batch is output before the next one is read.

    batches (Iterable[Iterable[str]]): The texts. The other arguments are those of `tag`.
    YIELDS (str): Pieces of the output.
    """
    nlp = load_pipeline(model, store_confidence=confidence)
    docs: Iterable[Doc] = _pipe_batches(nlp, batches)
    if sentences or format == "conllu":
        docs = map(split_sentences, docs)
    texts = (sentence for doc in docs for sentence in doc.sents) if sentences and format != "conllu" else docs
    return render(texts, format, confidence=confidence, lemmas=_sets_lemmas(nlp), color=color)


def tag_conllu(
    lines: Iterable[str],
    model: str = "en",
    *,
    file: str = "<stdin>",
    format: str = "conllu",
    confidence: bool = False,
    color: bool = False,
) -> Iterator[str]:
    """Tag the words of CoNLL-U.

    lines (Iterable[str]): The lines of CoNLL-U.
    file (str): The file's name, for errors.
    format (str): Form of the output. "conllu" keeps the comments and all columns but those that the tagger sets.
    The other arguments are those of `tag`.
    YIELDS (str): Pieces of the output.
    """
    nlp = load_pipeline(model, store_confidence=confidence)
    blocks = _tag_blocks(nlp, read_blocks(lines, Path(file), nlp.vocab))
    if format == "conllu":
        return (fill_block(block, list_misc if confidence else lambda token: ()) for block in blocks)
    docs = (block.doc for block in blocks)
    return render(docs, format, confidence=confidence, lemmas=_sets_lemmas(nlp), color=color)


def read_lines(stream: BinaryIO, on_read: Callable[[int], object] = lambda n_bytes: None) -> Iterator[List[str]]:
    """Read the lines that a stream has ready without waiting for more: one from a person who types, many from a file.

    stream (BinaryIO): UTF-8 text, buffered.
    on_read (Callable[[int], object]): Called with the number of bytes of each piece, when its lines have been used.
    YIELDS (List[str]): Lines without their ends. Raises a ValueError for a line that is not UTF-8.
    """
    n_lines, rest = 0, b""
    while chunk := stream.read1(CHUNK):  # type: ignore[attr-defined]
        *lines, rest = (rest + chunk).split(b"\n")
        yield [_decode(line, number) for number, line in enumerate(lines, n_lines + 1)]
        n_lines += len(lines)
        on_read(len(chunk))
    if rest:
        yield [_decode(rest, n_lines + 1)]


def _tag_stream(
    stream: BinaryIO, model: str, format: Optional[str], *, confidence: bool, sentences: bool, color: bool
) -> Iterator[str]:
    """Tag a stream of texts or of CoNLL-U, which its first lines decide."""
    batches = _open_lines(stream)
    first = next(batches, [])
    batches = chain([first], batches)
    if is_conllu(first):
        file, lines = getattr(stream, "name", "<stdin>"), chain.from_iterable(batches)
        return tag_conllu(lines, model, file=file, format=format or "conllu", confidence=confidence, color=color)
    return tag_batches(
        batches, model, format=format or "table", confidence=confidence, sentences=sentences, color=color
    )


def _open_lines(stream: BinaryIO) -> Iterator[List[str]]:
    """Read a stream's lines, with a progress bar unless it would mix with the output or with what a person types."""
    if stream.isatty() and sys.stderr.isatty():
        typer.echo("Type a text a line, and Ctrl-D at the end.", err=True)
    quiet = True if stream.isatty() or sys.stdout.isatty() else None
    with show_progress(unit="B", total=_find_size(stream), disable=quiet) as progress:
        yield from read_lines(stream, progress.update)


def _find_size(stream: BinaryIO) -> Optional[int]:
    """A file's size in bytes; None for a pipe or a terminal."""
    try:
        return os.fstat(stream.fileno()).st_size or None
    except OSError:
        return None


def _decode(line: bytes, number: int) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf8").rstrip("\r")
    except UnicodeDecodeError as error:
        byte = line[error.start]
        raise ValueError(
            f"Line {number} of the input is not UTF-8: its byte {error.start} is 0x{byte:02x}. "
            "Convert it first, e.g. with iconv."
        ) from None


def _pipe_batches(nlp: Language, batches: Iterable[Iterable[str]]) -> Iterator[Doc]:
    """Tag batch by batch. Memory is freed after each batch, so that it does not grow with the length of the stream."""
    for texts in batches:
        with nlp.memory_zone():
            yield from nlp.pipe(texts)


def _tag_blocks(nlp: Language, blocks: Iterable[Block]) -> Iterator[Block]:
    for batch in minibatch(blocks, nlp.batch_size):
        yield from (block._replace(doc=doc) for block, doc in zip(batch, nlp.pipe(block.doc for block in batch)))


def _sets_lemmas(nlp: Language) -> bool:
    """Whether the tagger, or another component, sets lemmas."""
    tagger = find_tagger(nlp)
    others = [name for name, pipe in nlp.pipeline if pipe is not tagger]
    by_others = any("token.lemma" in nlp.get_pipe_meta(name).assigns for name in others)
    return by_others or "lemma" in tagger.set_layers
