"""Annotated sentences in any supported format, as spaCy docs and examples."""

import itertools
import json
import re
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional

from spacy.attrs import POS
from spacy.errors import Errors
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example, dont_augment
from spacy.util import ensure_path
from spacy.vocab import Vocab

from ..annotation_layers import UPOS_IDS
from ..sentence_weights import set_weight
from ..soft_labels import cut_out, join
from .annotation_tools import is_label_studio, is_prodigy, read_label_studio, read_prodigy
from .conllu import read_conllu
from .multiword_tokens import merge_as_tokenized, merge_multiword_tokens
from .parquet import read_parquet
from .raw_text import make_raw_example
from .sentence import BEGINS_PARAGRAPH, N_READ, decode, has_sentences, lines, to_doc
from .treebank_directory import find_parts, lacks_part, list_parts
from .word_tag_pairs import is_pair, read_json, read_jsonl, read_text, read_tsv

# In the directory of a treebank, these can be something else, such as its text.
PERHAPS_NO_DATA = (".txt", ".tsv", ".json", ".jsonl")
SUFFIXES = (".conllu", ".spacy", ".parquet", *PERHAPS_NO_DATA)
# Files that lie beside data, such as LICENSE.txt.
NO_DATA = ("license", "licence", "readme", "copying", "notice", "changelog", "contributing")
# A beginning in each text format, for errors.
EXAMPLES = {
    "conllu": "1<tab>She<tab>she<tab>PRON<tab>PRP<tab>Case=Nom|Number=Sing<tab>2<tab>nsubj<tab>_<tab>_",
    "tsv": "She<tab>PRP, a word a line and a blank line after a sentence",
    "text": "She/PRP reads/VBZ ./.",
    "json": '[[["She", "reads", "."], ["PRP", "VBZ", "."]]]',
    "jsonl": '[["She", "reads", "."], ["PRP", "VBZ", "."]]',
    "prodigy": '{"text": "She reads.", "tokens": [{"start": 0, "end": 3, ...}, ...], "spans": [...]}',
    "label-studio": '[{"data": {"text": "She reads."}, "annotations": [{"result": [...]}]}]',
}
# How formats begin that are not text. DocBin is compressed: its first header is not printable, the rest is not UTF-8.
HEADERS = {b"\x78\x01": "spacy", b"\x78\x9c": "spacy", b"\x78\xda": "spacy", b"PAR1": "parquet"}
UPOS_VALUES = set(UPOS_IDS.values())
MULTIWORD = ("both", "split", "whole")


def create_treebank_v1(
    path: Optional[Path],
    format: Optional[str] = None,
    multiword: str = "both",
    raw_text: bool = False,
    documents: int = 0,
    gold_preproc: bool = False,
    max_length: int = 0,
    limit: int = 0,
    ambiguous: bool = False,
    weights: Dict[str, float] = {},
    augmenter: Optional[Callable[[Language, Example], Iterable[Example]]] = None,
) -> Callable[[Language], Iterator[Example]]:
    """Read annotated sentences in any supported format for training. The other settings are those of `spacy.Corpus.v1`.

    path (Optional[Path]): A file, or a directory of them.
    format (Optional[str]): One of `FORMATS`. None: detected from the content.
    multiword (str): How multiword tokens are read, such as French `du` for `de` and `le`. "split": as their words.
        "whole": as one token each. "both": each sentence with its words and, if the pipeline's tokenizer leaves any
        multiword token of it whole, a second time with these whole; without gold_preproc only in this way.
    raw_text (bool): Whether to read each sentence once more as text, with the tokens of the pipeline's tokenizer. The
        component's scores of these are `raw_tag_f`, `raw_pos_f` and `raw_morph_f`.
    documents (int): Whether to read sentences once more in documents, of at most so many words, from which the tagger
        learns where sentences begin. They are joined in the order of the file, up to the next paragraph where those
        are known. With raw_text, these documents are read as text alone. 0: by sentence.
    gold_preproc (bool): Whether to keep the file's words and sentences, instead of running the tokenizer.
    max_length (int): Longest doc, in tokens; longer ones are split into sentences. 0: no limit.
    limit (int): How many docs are read. 0: no limit.
    ambiguous (bool): Whether "NN|VB" in text formats are two tags that a word may have, and "!NOUN" is a UPOS tag that
        it does not have. Training takes either of them for right, and scores leave the word out.
    weights (Dict[str, float]): How much the sentences of files count in training, by patterns of their names:
        `{"silver*": 0.2}`. That of others is 1.
    augmenter (Optional[Callable]): Varies the examples.
    RETURNS (Callable[[Language], Iterator[Example]]): Reads the examples for a pipeline.
    """
    if path is None:
        raise ValueError(Errors.E913)
    if multiword not in MULTIWORD:
        raise ValueError(f"multiword must be one of {', '.join(MULTIWORD)}, not {multiword!r}.")
    corpus = Corpus(path, max_length=max_length, augmenter=augmenter or dont_augment)

    def read(nlp: Language) -> Iterator[Example]:
        sentences = itertools.islice(read_docs(path, nlp.vocab, format, ambiguous, weights), limit or None)
        for group in _group(sentences, documents):
            for doc in group:
                for n_read, varied in enumerate(_vary(doc, nlp, multiword, gold_preproc)):
                    docs = _split(varied) if gold_preproc or 0 < max_length <= len(doc) else [varied]
                    examples = _keep_tokens(nlp, docs, n_read) if gold_preproc else corpus.make_examples(nlp, docs)
                    for eg in examples:
                        yield from corpus.augmenter(nlp, eg)
            document = join(group) if len(group) > 1 else group[0]
            if raw_text:
                yield make_raw_example(document, nlp)
            elif documents and has_sentences(document):
                for eg in _keep_tokens(nlp, _vary(document, nlp, multiword, False), n_read=2):
                    yield from corpus.augmenter(nlp, eg)

    return read


def _group(docs: Iterable[Doc], n_words: int) -> Iterator[List[Doc]]:
    """Group docs that follow each other in a text, up to so many words."""
    group: List[Doc] = []
    for doc in docs:
        user_data: Dict[Any, Any] = doc.user_data
        if group and not (BEGINS_PARAGRAPH not in user_data and sum(map(len, group)) + len(doc) <= n_words):
            yield group
            group = []
        group.append(doc)
    if group:
        yield group


def _vary(doc: Doc, nlp: Language, multiword: str, gold_preproc: bool) -> List[Doc]:
    """The doc with its multiword tokens as the settings want them."""
    if multiword != "both":
        return [merge_multiword_tokens(doc) if multiword == "whole" else doc]
    merged = merge_as_tokenized(doc, nlp.make_doc)
    return [doc, merged] if gold_preproc and merged is not doc else [merged]


def _split(doc: Doc) -> List[Doc]:
    """The sentences of a doc, with what spaCy's way to split one leaves behind: their soft labels."""
    sentences = list(doc.sents) if doc.has_annotation("SENT_START") else []
    return [cut_out(sentence) for sentence in sentences] if len(sentences) > 1 else [doc]


def _keep_tokens(nlp: Language, docs: Iterable[Doc], n_read: int) -> Iterator[Example]:
    for doc in filter(len, docs):
        words, spaces = [token.text for token in doc], [bool(token.whitespace_) for token in doc]
        predicted = Doc(nlp.vocab, words, spaces, user_data={N_READ: n_read} if n_read else None)
        yield Example(predicted, doc)


def read_docs(
    path: Path,
    vocab: Vocab,
    format: Optional[str] = None,
    ambiguous: bool = False,
    weights: Mapping[str, float] = {},
) -> Iterator[Doc]:
    """Read annotated sentences.

    path (Path): A file, or a directory of them. Where that has .conllu files, text in other formats is not read.
    vocab (Vocab): The docs' vocab.
    format (Optional[str]): One of `FORMATS`. None: detected from the content.
    ambiguous (bool): As for `create_treebank_v1`.
    weights (Mapping[str, float]): As for `create_treebank_v1`.
    YIELDS (Doc): A sentence, or a doc of the file if its format is spaCy's own. Raises a ValueError that names file
        and place if the content is not in that format.
    """
    path = ensure_path(path)
    if format is not None and format not in FORMATS:
        raise ValueError(f"Unknown format '{format}'. Use one of: {', '.join(FORMATS)}.")
    n_docs = 0
    for file in _find_files(path) if path.is_dir() else [path]:
        data = file.read_bytes()
        file_format = format or detect_format(data, file)
        if file_format == "spacy":
            docs = _read_doc_bin(data, file, vocab)
        elif file_format == "parquet":
            docs = read_parquet(file, vocab)
        else:
            read = partial(read_conllu, ambiguous=ambiguous) if file_format == "conllu" else FORMATS[file_format]
            docs = (to_doc(sentence, vocab, ambiguous) for sentence in read(decode(data, file), file))
        of_file = next((weight for pattern, weight in weights.items() if fnmatch(file.name, pattern)), None)
        for doc in docs:
            n_docs += 1
            if of_file is not None:
                set_weight(doc, of_file)
            yield doc
    if not n_docs:
        raise ValueError(f"{path} holds no annotated sentence.")


def find_part(path: Path, part: str) -> Path:
    """Find one part of a treebank in its directory, as Universal Dependencies names it: `fr_gsd-ud-dev.conllu`.

    path (Path): The directory of a treebank, or any other path.
    part (str): "train", "dev" or "test".
    RETURNS (Path): The file, or the path if it has none. Raises a ValueError if there are several, and if the path has
        a test part in the place of this one: nobody trains on it, or is scored on it, without naming it.
    """
    found = find_parts(path, part)
    if len(found) > 1:
        raise ValueError(
            f"{path} has several {part} files: {', '.join(file.name for file in found)}. Name one of them."
        )
    if not found and "test" in list_parts(path):
        raise lacks_part(path, part)
    return found[0] if found else path


def _find_files(directory: Path) -> List[Path]:
    files = sorted(
        file
        for file in directory.rglob("*")
        if file.suffix in SUFFIXES and file.stem.lower() not in NO_DATA and file.is_file()
    )
    has_conllu = any(file.suffix == ".conllu" for file in files)
    return [file for file in files if file.suffix not in PERHAPS_NO_DATA] if has_conllu else files


def detect_format(data: bytes, file: Path) -> str:
    """Find the format of annotated sentences from their content.

    data (bytes): The file's content.
    file (Path): The file's name, for errors.
    RETURNS (str): One of `FORMATS`. Raises a ValueError if it is none of them.
    """
    for header, name in HEADERS.items():
        if data.startswith(header):
            return name
    text = decode(data, file)
    if not text.strip():
        raise ValueError(f"{file} is empty: it holds no annotated sentence.")
    written = [line for line in lines(text) if line.strip()]
    first, first_word = written[0], next(itertools.dropwhile(_is_comment, written), "")
    value, values = _try_json(first), _try_json(text)
    found = {
        "jsonl": is_pair(value),
        "prodigy": is_prodigy(value),
        "label-studio": is_label_studio(values),
        "json": re.match(r'\s*\[\s*[\["]', text) is not None or isinstance(values, list),
        "conllu": re.match(r"\d+(-\d+|\.\d+)?\t.*\t", first_word) is not None,
        "tsv": first.count("\t") == 1,
        "text": all(re.fullmatch(r".+/[^/]+", token) for token in first.split()),
    }
    for name, is_found in found.items():
        if is_found:
            return name
    raise ValueError(
        f"{file} is in none of the formats that can be read; its first line is {first!r:.60}. A sentence looks so:\n"
        + "".join(f"{name:12} {example}\n" for name, example in EXAMPLES.items())
        + "Binary formats are spaCy's .spacy and Parquet. If the file has one of these formats, name it with --format."
    )


# The reader of each format. Two are not text, and `read_docs` reads them.
FORMATS: Dict[str, Any] = {
    "conllu": read_conllu,
    "spacy": None,
    "parquet": None,
    "text": read_text,
    "tsv": read_tsv,
    "json": read_json,
    "jsonl": read_jsonl,
    "prodigy": read_prodigy,
    "label-studio": read_label_studio,
}


def _try_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_comment(line: str) -> bool:
    return line.startswith("#") and "\t" not in line


def _read_doc_bin(data: bytes, file: Path, vocab: Vocab) -> Iterator[Doc]:
    try:
        for number, doc in enumerate(DocBin().from_bytes(data).get_docs(vocab), 1):
            if not set(doc.to_array(POS).tolist()) <= UPOS_VALUES:
                raise ValueError(f"doc {number} has a UPOS tag that spaCy does not know")
            yield doc
    except Exception as error:  # whatever zlib, msgpack or numpy make of damaged data
        raise ValueError(f"{file} is not a whole .spacy file ({error}). Write it again with spaCy's DocBin.") from error
