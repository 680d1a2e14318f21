"""Annotated sentences in any supported form, as spaCy docs and examples."""

import itertools
import json
import re
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from spacy.attrs import POS
from spacy.errors import Errors
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example, dont_augment
from spacy.util import ensure_path
from spacy.vocab import Vocab

from ..annotation_layers import NO_FEATS, UPOS, UPOS_IDS

SUFFIXES = (".conllu", ".spacy", ".txt", ".tsv", ".json", ".jsonl")
# DocBin is compressed; the last two of these are no UTF-8, the first is no text.
ZLIB_HEADERS = (b"\x78\x01", b"\x78\x9c", b"\x78\xda")
UPOS_VALUES = set(UPOS_IDS.values())
CONLLU_COLUMNS = 10
FEATS = re.compile(r"[^\s=|]+=[^\s=|]+(\|[^\s=|]+=[^\s=|]+)*")


class Sentence(NamedTuple):
    """An annotated sentence. A layer that is not annotated is None; a word that is not has "" in it.

    words (List[str]): The words.
    spaces (Optional[List[bool]]): Whether a space follows each word; None if that is not known.
    tags (Optional[List[str]]): Fine-grained tags (XPOS).
    pos (Optional[List[str]]): UPOS tags.
    morphs (Optional[List[str]]): Morphological features (FEATS).
    """

    words: List[str]
    spaces: Optional[List[bool]] = None
    tags: Optional[List[str]] = None
    pos: Optional[List[str]] = None
    morphs: Optional[List[str]] = None


def create_treebank_v1(
    path: Optional[Path],
    format: Optional[str] = None,
    gold_preproc: bool = False,
    max_length: int = 0,
    limit: int = 0,
    augmenter: Optional[Callable[[Language, Example], Iterable[Example]]] = None,
) -> Callable[[Language], Iterator[Example]]:
    """Read annotated sentences of any supported form for training. What `spacy.Corpus.v1` can be told, it can.

    path (Optional[Path]): A file, or a directory of them.
    format (Optional[str]): One of `FORMATS`. None: told by the content.
    gold_preproc (bool): Whether to keep the file's words and sentences, instead of running the tokenizer.
    max_length (int): Longest doc, in tokens; longer ones are split into sentences. 0: no limit.
    limit (int): Read only so many docs. 0: no limit.
    augmenter (Optional[Callable]): Varies the examples.
    RETURNS (Callable[[Language], Iterator[Example]]): Reads the examples for a pipeline.
    """
    if path is None:
        raise ValueError(Errors.E913)
    corpus = Corpus(path, gold_preproc=gold_preproc, max_length=max_length, augmenter=augmenter or dont_augment)

    def read(nlp: Language) -> Iterator[Example]:
        docs = itertools.islice(read_docs(path, nlp.vocab, format), limit or None)
        make_examples = corpus.make_examples_gold_preproc if gold_preproc else corpus.make_examples
        for eg in make_examples(nlp, docs):
            yield from corpus.augmenter(nlp, eg)

    return read


def read_docs(path: Path, vocab: Vocab, format: Optional[str] = None) -> Iterator[Doc]:
    """Read annotated sentences.

    path (Path): A file, or a directory of them.
    vocab (Vocab): The docs' vocab.
    format (Optional[str]): One of `FORMATS`. None: told by the content.
    YIELDS (Doc): A sentence, or a doc of the file if its form is spaCy's own. Raises a ValueError that names file
        and place if the content is not of the form.
    """
    path = ensure_path(path)
    if format is not None and format not in FORMATS:
        raise ValueError(f"Unknown format '{format}'. Use one of: {', '.join(FORMATS)}.")
    files = sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES) if path.is_dir() else [path]
    n_docs = 0
    for file in files:
        data = file.read_bytes()
        file_format = format or detect_format(data, file)
        if file_format == "spacy":
            docs = _read_doc_bin(data, file, vocab)
        else:
            docs = (_to_doc(sentence, vocab) for sentence in FORMATS[file_format](_decode(data, file), file))
        for doc in docs:
            n_docs += 1
            yield doc
    if not n_docs:
        raise ValueError(f"{path} holds no annotated sentence.")


def detect_format(data: bytes, file: Path) -> str:
    """Tell the form of annotated sentences by their content.

    data (bytes): The file's content.
    file (Path): The file's name, for errors.
    RETURNS (str): One of `FORMATS`. Raises a ValueError if it is none of them.
    """
    if data[:2] in ZLIB_HEADERS:
        return "spacy"
    text = _decode(data, file)
    if not text.strip():
        raise ValueError(f"{file} is empty: it holds no annotated sentence.")
    lines = [line for line in _lines(text) if line.strip()]
    if _is_pair(_try_json(lines[0])):
        return "jsonl"
    if re.match(r'\s*\[\s*[\["]', text) or isinstance(_try_json(text), list):
        return "json"
    first, first_word = lines[0], next(itertools.dropwhile(_is_comment, lines), "")
    if re.match(r"\d+(-\d+|\.\d+)?\t.*\t", first_word):
        return "conllu"
    if first.count("\t") == 1:
        return "tsv"
    if all(re.fullmatch(r".+/[^/]+", token) for token in first.split()):
        return "text"
    raise ValueError(
        f"{file} is in none of the forms that can be read ({', '.join(FORMATS)}); its first line is {first!r:.60}. "
        "If it is one of them, name it with --format."
    )


def _read_conllu(text: str, file: Path) -> Iterator[Sentence]:
    """Read CoNLL-U: https://universaldependencies.org/format.html. Of a multi-word token, its words are taken."""
    for lines in _blocks(text):
        words: List[Tuple[str, bool, str, str, str]] = []
        last_of_token, space_after_token = 0, True
        for number, line in lines:
            if line.startswith("#"):
                continue
            place = f"{file}, line {number}"
            columns = line.split("\t")
            if len(columns) != CONLLU_COLUMNS:
                raise ValueError(
                    f"{place}: CoNLL-U has {CONLLU_COLUMNS} columns separated by tabs, not {len(columns)}: {line!r:.60}"
                )
            identifier, form, _, upos, xpos, feats, _, _, _, misc = columns
            space_after = "SpaceAfter=No" not in misc.split("|")
            if re.fullmatch(r"\d+-\d+", identifier):
                last_of_token, space_after_token = int(identifier.split("-")[1]), space_after
                continue
            if re.fullmatch(r"\d+\.\d+", identifier):
                continue
            position = len(words) + 1
            if identifier != str(position):
                raise ValueError(f"{place}: the next word's ID must be {position}, not {identifier!r:.20}.")
            if not form:
                raise ValueError(f"{place}: the word is empty.")
            if upos not in UPOS and upos != "_":
                raise ValueError(f"{place}: {upos!r:.20} is not a UPOS tag. Use: {', '.join(UPOS)}.")
            if feats != "_" and not FEATS.fullmatch(feats):
                raise ValueError(f"{place}: FEATS must look like 'Case=Nom|Number=Sing' or '_', not {feats!r:.60}.")
            if position <= last_of_token:
                space_after = space_after_token and position == last_of_token
            words.append((form, space_after, "" if xpos == "_" else xpos, "" if upos == "_" else upos, feats))
        if words:
            yield Sentence(*(list(column) for column in zip(*words)))


def _read_tsv(text: str, file: Path) -> Iterator[Sentence]:
    """Read a word and its tag a line, separated by a tab, with an empty line after each sentence."""
    for lines in _blocks(text):
        pairs = [line.split("\t") for _, line in lines]
        for (number, line), pair in zip(lines, pairs):
            if len(pair) != 2 or not pair[0].strip():
                raise ValueError(
                    f"{file}, line {number}: a word and its tag, 2 columns separated by a tab, were expected, "
                    f"not {len(pair)}: {line!r:.60}"
                )
        yield Sentence([word for word, _ in pairs], tags=[tag.strip() for _, tag in pairs])


def _read_text(text: str, file: Path) -> Iterator[Sentence]:
    """Read a sentence a line, each word followed by a slash and its tag."""
    for number, line in enumerate(_lines(text), 1):
        pairs = [token.rpartition("/") for token in line.split()]
        for word, _, tag in pairs:
            if not word or not tag:
                raise ValueError(f"{file}, line {number}: {word or tag!r} is not of the form word/TAG.")
        if pairs:
            yield Sentence([word for word, _, _ in pairs], tags=[tag for _, _, tag in pairs])


def _read_json(text: str, file: Path) -> Iterator[Sentence]:
    """Read a JSON list of pairs of words and tags."""
    try:
        pairs = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is not valid JSON: {error}.") from None
    if not isinstance(pairs, list):
        raise ValueError(f"{file} must hold a list of pairs of words and tags, not {pairs!r:.60}.")
    for i, pair in enumerate([pairs] if _is_pair(pairs) else pairs, 1):
        yield _read_pair(pair, f"{file}, sentence {i}")


def _read_jsonl(text: str, file: Path) -> Iterator[Sentence]:
    """Read a pair of words and tags a line, as JSON."""
    for number, line in enumerate(_lines(text), 1):
        if line.strip():
            try:
                pair = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{file}, line {number}: not valid JSON: {error}.") from None
            yield _read_pair(pair, f"{file}, line {number}")


# Reads each form but spaCy's own, which is not text.
FORMATS: Dict[str, Any] = {
    "conllu": _read_conllu,
    "spacy": None,
    "text": _read_text,
    "tsv": _read_tsv,
    "json": _read_json,
    "jsonl": _read_jsonl,
}


def _read_pair(pair: Any, place: str) -> Sentence:
    if not _is_pair(pair):
        raise ValueError(f'{place}: a pair such as [["The", "dog"], ["DT", "NN"]] was expected, not {pair!r:.60}.')
    words, tags = pair
    words = words.split() if isinstance(words, str) else words
    if len(words) != len(tags):
        raise ValueError(f"{place}: {len(words)} words but {len(tags)} tags: {' '.join(words)!r:.60}")
    if not all(word.strip() for word in words) or not words:
        raise ValueError(f"{place}: a sentence needs words, and none of them may be empty.")
    if re.search("[\ud800-\udfff]", "".join([*words, *tags])):
        raise ValueError(f"{place}: it has half of a surrogate pair, which is no character: {' '.join(words)!r:.60}")
    return Sentence(words, tags=tags)


def _is_pair(value: Any) -> bool:
    def is_strings(part: Any) -> bool:
        return isinstance(part, list) and all(isinstance(item, str) for item in part)

    return (
        isinstance(value, list)
        and len(value) == 2
        and (isinstance(value[0], str) or is_strings(value[0]))
        and is_strings(value[1])
    )


def _try_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_comment(line: str) -> bool:
    return line.startswith("#") and "\t" not in line


def _lines(text: str) -> List[str]:
    """Split at line feeds. `str.splitlines` also splits at characters that may stand in a word."""
    return text.replace("\r\n", "\n").split("\n")


def _blocks(text: str) -> Iterator[List[Tuple[int, str]]]:
    """Yield the numbered lines between empty lines."""
    block: List[Tuple[int, str]] = []
    for number, line in enumerate(_lines(text), 1):
        if line.strip():
            block.append((number, line))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _decode(data: bytes, file: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file} is not UTF-8: byte {error.start} is 0x{data[error.start]:02x}. Convert it first, e.g. with iconv."
        ) from None


def _read_doc_bin(data: bytes, file: Path, vocab: Vocab) -> Iterator[Doc]:
    try:
        for number, doc in enumerate(DocBin().from_bytes(data).get_docs(vocab), 1):
            if not set(doc.to_array(POS).tolist()) <= UPOS_VALUES:
                raise ValueError(f"doc {number} has a UPOS tag that spaCy does not know")
            yield doc
    except Exception as error:  # whatever zlib, msgpack or numpy make of damaged data
        raise ValueError(f"{file} is not a whole .spacy file ({error}). Write it again with spaCy's DocBin.") from error


def _to_doc(sentence: Sentence, vocab: Vocab) -> Doc:
    return Doc(
        vocab,
        words=sentence.words,
        spaces=sentence.spaces,
        tags=sentence.tags,
        pos=sentence.pos,
        morphs=None if sentence.morphs is None else ["" if feats == NO_FEATS else feats for feats in sentence.morphs],
        sent_starts=[i == 0 for i in range(len(sentence.words))],
    )
