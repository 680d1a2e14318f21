"""Label text with a teacher, in shards that are not made again.

Lines that share eight running words with a treebank are left out. A shard is a Parquet file of some 50,000 tokens, with
the three likeliest labels of each; see spacy_lstm_tagger/formats/parquet.py.

Half of the documents are cut into sentences, the other half into pieces that begin and end anywhere, so that a tagger
depends on no sentence boundaries. The teacher reads whole sentences of both, so it knows how a piece would go on.
"""

import heapq
import itertools
import random
import re
import time
from collections import Counter
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Mapping, Sequence, Set, Tuple

import numpy
import pyarrow
import spacy
import torch
from pyarrow.parquet import read_table, write_table
from teacher import JOINED_WORDS, LAYERS, load
from text import CHOSEN, SHARE, SHARES, SUBSTITUTED, read_lines
from torch import nn

from spacy_lstm_tagger.formats.parquet import SOFT
from spacy_lstm_tagger.formats.treebank import read_docs
from spacy_lstm_tagger.pipeline.gold_labels import collect_annotations
from spacy_lstm_tagger.pipeline.label_combinations import collect_combinations
from spacy_lstm_tagger.pipeline.label_scheme import LabelScheme
from spacy_lstm_tagger.soft_labels import normalize

SEED = 0
# Counted as text between spaces: some 50,000 tokens.
SHARD_WORDS = 43_000
TOP = 3
PIECES_PER_BATCH = 1500
# Bounds of lengths, in tokens: of sentences, of pieces of running text, of a piece that begins a document.
MIN_SENTENCE, MAX_SENTENCE = 2, 80
PIECE = 64
MIN_FIRST_PIECE = 16
# Short paragraphs and turns that follow one another are a document, up to about so many words.
DOCUMENT_WORDS = 40
OVERLAP = 8

Document = List[str]
NGram = Tuple[str, ...]


def label(
    teacher: Path, files: Mapping[str, Path], output: Path, train_path: Path, held_out: Sequence[Path], n_words: int
) -> None:
    """Label text, the most useful first.

    teacher (Path): The directory that `teacher.train` wrote.
    files (Mapping[str, Path]): The file of each source of text, from `text.find_text`.
    output (Path): The directory of the shards.
    train_path (Path): The treebank that the teacher was tuned on, for the labels that occur together.
    held_out (Sequence[Path]): Treebanks whose sentences must not be in the text.
    n_words (int): How much is labelled.
    """
    output.mkdir(parents=True, exist_ok=True)
    ngrams = set(itertools.chain.from_iterable(map(find_ngrams, map(read_treebank_text, held_out))))
    sources = {source: make_shards(source, path, ngrams) for source, path in files.items()}
    labeller = Labeller(teacher, train_path)
    n_done = 0
    for source, number, documents in take_turns(sources):
        path = output / f"{source}.{number:03}.parquet"
        if not path.exists():
            start = time.perf_counter()
            table = labeller.label(documents, random.Random(f"{SEED} {path.name}"))
            if source == SUBSTITUTED:
                table = drop_misread(table)
            write_table(table, path.with_suffix(".unfinished"))
            path.with_suffix(".unfinished").replace(path)
            seconds = time.perf_counter() - start
            print(f"{path.name}  {count(documents) / seconds:.0f} words/s  {n_done:,} words before", flush=True)
        n_done += count(documents)
        if n_done >= n_words:
            break


def drop_misread(table: pyarrow.Table) -> pyarrow.Table:
    """Leave out sentences that begin with an infinitive which the teacher takes for something else."""
    sentences = zip(table["words"].to_pylist(), table["pos"].to_pylist())
    return table.filter(pyarrow.array(words[0] != "To" or tags[1] in ("VERB", "AUX") for words, tags in sentences))


def count_tags(labelled: Path) -> Dict[Tuple[str, str], int]:
    """RETURNS (Dict[Tuple[str, str], int]): How often each word, in lower case, has each fine-grained tag in shards."""
    counts: Dict[Tuple[str, str], int] = Counter()
    for path in sorted(labelled.glob("*.parquet")):
        columns = (part.combine_chunks().flatten() for part in read_table(path, columns=["words", "tag"]).columns)
        counts.update(zip(*(column.to_pylist() for column in columns)))
    in_lower_case: Dict[Tuple[str, str], int] = Counter()
    for (word, tag), count in counts.items():
        in_lower_case[word.lower(), tag] += count
    return in_lower_case


def read_treebank_text(path: Path) -> str:
    """Give a treebank's text, so that its words are parted as those of raw text are."""
    return "".join(doc.text_with_ws for doc in read_docs(path, spacy.blank("en").vocab))


def find_ngrams(text: str) -> Iterator[NGram]:
    words = re.findall(r"\w+", text.lower())
    return zip(*(words[i:] for i in range(OVERLAP)))


def make_shards(source: str, path: Path, held_out: Set[NGram]) -> Iterator[List[Document]]:
    """Yield a source's documents, in any order, in parts of like size."""
    lines = [line for line in read_lines(path) if held_out.isdisjoint(find_ngrams(line))]
    if source in CHOSEN:
        random.Random(SEED).shuffle(lines)
    documents = list(make_documents(lines))
    random.Random(SEED).shuffle(documents)
    shard: List[Document] = []
    for document in documents:
        shard.append(document)
        if count(shard[-1:]) + count(shard) > SHARD_WORDS:
            yield shard
            shard = []
    if shard:
        yield shard


def make_documents(lines: Iterable[str]) -> Iterator[Document]:
    """Make documents of paragraphs: of one, or, where they end as sentences do, of some that are short."""
    document: Document = []
    for line in lines:
        document.append(line)
        if count([document]) > DOCUMENT_WORDS or not re.search(r"""[.!?\u2026]["'\u201d\u2019)\]]*$""", line):
            yield document
            document = []
    if document:
        yield document


def count(documents: Iterable[Document]) -> int:
    return sum(line.count(" ") + 1 for document in documents for line in document)


def take_turns(sources: Dict[str, Iterator[List[Document]]]) -> Iterator[Tuple[str, int, List[Document]]]:
    """Yield shards, each from the source that, with it, has least of its share."""
    heap = [(SHARD_WORDS / SHARES.get(source, SHARE), source, 0) for source in sources]
    heapq.heapify(heap)
    while heap:
        part, source, number = heapq.heappop(heap)
        documents = next(sources[source], None)
        if documents is not None:
            yield source, number, documents
            heapq.heappush(heap, (part + count(documents) / SHARES.get(source, SHARE), source, number + 1))


class Labeller:
    """A teacher, and what it needs to read text."""

    def __init__(self, path: Path, train_path: Path) -> None:
        self.teacher, self.reader, labels = load(path)
        for module in self.teacher.encoder.modules():
            if isinstance(module, nn.Linear):
                module.to(torch.bfloat16)
        self.nlp = spacy.blank("en")
        self.nlp.add_pipe("sentencizer")
        annotations = collect_annotations(read_docs(train_path, self.nlp.vocab))
        # Their order is the teacher's, their form spaCy's.
        normal = {layer: [normalize(self.nlp.vocab, layer, name) for name in labels[layer]] for layer in LAYERS}
        self.scheme = LabelScheme(self.nlp.vocab, normal, collect_combinations(annotations, normal))

    def label(self, documents: Iterable[Document], rng: random.Random) -> pyarrow.Table:
        """Give a shard."""
        tokens: List[str] = []
        read: List[slice] = []
        kept: List[slice] = []
        with self.nlp.memory_zone():
            for number, document in enumerate(documents):
                for text in document if number % 2 else [" ".join(document)]:
                    doc = self.nlp(text)
                    sentences = [(sentence.start, sentence.end) for sentence in doc.sents]
                    if number % 2:
                        units = pieces = [part for bounds in sentences for part in split(*bounds, MAX_SENTENCE)]
                    else:
                        units = pack(sentences)
                        first = rng.randint(MIN_FIRST_PIECE, PIECE)
                        pieces = [(0, first), *split(first, len(doc), PIECE)]
                    read += [slice(len(tokens) + start, len(tokens) + end) for start, end in units]
                    kept += [slice(len(tokens) + start, len(tokens) + min(end, len(doc))) for start, end in pieces]
                    tokens += [token.text_with_ws for token in doc]
        kept = [part for part in kept if part.stop - part.start >= MIN_SENTENCE]
        labels = self.predict(tokens, read)
        rows = [row for part in kept for row in range(part.start, part.stop)]
        ends = numpy.cumsum([0, *(part.stop - part.start for part in kept)])

        def by_sentence(values: pyarrow.Array) -> pyarrow.Array:
            return pyarrow.ListArray.from_arrays(pyarrow.array(ends, pyarrow.int32()), values.take(rows))

        columns = {
            "words": pyarrow.array([token.rstrip(" ") or token for token in tokens]),
            "spaces": pyarrow.array([token.endswith(" ") and token != " " for token in tokens]),
            **labels,
        }
        return pyarrow.table({name: by_sentence(values) for name, values in columns.items()})

    def predict(self, tokens: Sequence[str], read: Iterable[slice]) -> Dict[str, pyarrow.Array]:
        """Give each token's labels and soft labels. Each part of the text is read by itself."""
        words = [token.rstrip(" ") or token for token in tokens]
        chosen = numpy.zeros((len(tokens), len(LAYERS)), dtype="int32")
        likeliest = numpy.zeros((len(LAYERS), len(tokens), TOP), dtype="int32")
        probabilities = numpy.zeros(likeliest.shape, dtype="float32")
        for batch in self.make_batches(words, read):
            with torch.inference_mode():
                logits = self.teacher(self.reader.read([words[part] for part in batch]))
            places = numpy.concatenate([numpy.arange(part.start, part.stop) for part in batch])
            for i, scores in enumerate(logits):
                best = scores.softmax(dim=1).topk(TOP)
                likeliest[i, places] = best.indices.numpy()
                probabilities[i, places] = best.values.numpy()
            chosen[places] = self.scheme.choose(dict(zip(self.scheme.labels, (scores.numpy() for scores in logits))))[0]
        columns = {}
        ends = pyarrow.array(numpy.arange(len(tokens) + 1, dtype="int32") * TOP)
        for i, (layer, names) in enumerate(self.scheme.labels.items()):
            labels = pyarrow.array(names)
            pairs = [labels.take(pyarrow.array(likeliest[i].ravel())), pyarrow.array(probabilities[i].ravel())]
            structs = pyarrow.StructArray.from_arrays(pairs, ["label", "probability"])
            columns[layer] = labels.take(pyarrow.array(chosen[:, i]))
            columns[SOFT[layer]] = pyarrow.ListArray.from_arrays(ends, structs)
        return columns

    def make_batches(self, words: Sequence[str], read: Iterable[slice]) -> Iterator[List[slice]]:
        batch: List[slice] = []
        for part in sorted(read, key=lambda part: self.reader.count(words[part])):
            if batch and (len(batch) + 1) * self.reader.count(words[part]) > PIECES_PER_BATCH:
                yield batch
                batch = []
            batch.append(part)
        if batch:
            yield batch


def split(start: int, end: int, limit: int) -> List[Tuple[int, int]]:
    """Split what is too long."""
    return [(part, min(part + limit, end)) for part in range(start, end, limit)]


def pack(sentences: Iterable[Tuple[int, int]]) -> List[Tuple[int, int]]:
    """Put sentences together, as many as the teacher read at once in training."""
    packed: List[Tuple[int, int]] = []
    for start, end in itertools.chain.from_iterable(split(*bounds, JOINED_WORDS) for bounds in sentences):
        if packed and end - packed[-1][0] <= JOINED_WORDS:
            packed[-1] = (packed[-1][0], end)
        else:
            packed.append((start, end))
    return packed
