"""Multiword tokens, such as French `du` for the words `de` and `le`: a treebank splits them, a tokenizer may not.

https://universaldependencies.org/u/overview/tokenization.html
"""

from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Set, Union

from spacy.tokens import Doc

from ..allowed_labels import KEY as ALLOWED_LABELS

# Where a doc keeps its multiword tokens, in `Doc.user_data`: the key of an extension attribute of a span, which spaCy
# adapts when docs are joined or cut.
KEY = ("._.", "multiword_token")


class MultiwordToken(NamedTuple):
    """A token of the text that a treebank splits into words.

    start, end (int): Its words, as indices of the sentence.
    form (str): The token as it is in the text.
    root (int): Which of its words is nearest to the root of the sentence; of several, the first.
    """

    start: int
    end: int
    form: str
    root: int


def keep_multiword_tokens(doc: Doc, tokens: Sequence[MultiwordToken]) -> None:
    """Keep multiword tokens with a doc that has their words.

    doc (Doc): The doc; its `user_data` is changed.
    tokens (Sequence[MultiwordToken]): The tokens.
    """
    user_data: Dict[Any, Any] = doc.user_data
    for token in tokens:
        words = doc[token.start : token.end]
        key = (*KEY, words.start_char, words.end_char)
        user_data[key] = (token.form, token.root - token.start)


def find_multiword_tokens(doc: Doc) -> List[MultiwordToken]:
    """RETURNS (List[MultiwordToken]): The multiword tokens that are kept with a doc, in their order."""
    user_data: Dict[Any, Any] = doc.user_data
    tokens: List[MultiwordToken] = []
    for key, value in user_data.items():
        if isinstance(key, tuple) and key[:2] == KEY and (words := doc.char_span(*key[2:])) is not None:
            form, root = value
            tokens.append(MultiwordToken(words.start, words.end, form, words.start + root))
    return sorted(tokens)


def merge_multiword_tokens(doc: Doc) -> Doc:
    """Make a doc of one with its multiword tokens whole.

    A whole one gets what `spacy convert --merge-subtokens` gives it: UPOS of its root, XPOS of all its words with "_"
    between them, their lemmas with blanks between them, and the features of all its words together.

    doc (Doc): An annotated doc.
    RETURNS (Doc): A doc with fewer tokens, or the doc itself if it has no multiword token.
    """
    return _merge(doc, find_multiword_tokens(doc))


def merge_as_tokenized(doc: Doc, make_doc: Callable[[str], Doc]) -> Doc:
    """Make a doc of one with the same text: its multiword tokens are whole, unless the tokenizer splits them and their
    words spell them, as English `don't` is spelled by `do` and `n't`.

    doc (Doc): An annotated doc.
    make_doc (Callable[[str], Doc]): The tokenizer.
    RETURNS (Doc): A doc with fewer tokens, or the doc itself if no multiword token becomes whole.
    """
    tokens = find_multiword_tokens(doc)
    if not tokens:
        return doc
    whole = _merge(doc, tokens)
    found = {(token.idx, len(token)) for token in make_doc(whole.text)}
    n_merged = 0
    kept = []
    for token in tokens:
        spelled = "".join(word.text for word in doc[token.start : token.end])
        merged = whole[token.start - n_merged]
        if spelled != token.form or (merged.idx, len(merged)) in found:
            kept.append(token)
        n_merged += token.end - token.start - 1
    return _merge(doc, kept)


def _merge(doc: Doc, tokens: Sequence[MultiwordToken]) -> Doc:
    if not tokens:
        return doc
    starts = {token.start: token for token in tokens}
    words: List[str] = []
    spaces: List[bool] = []
    tags: List[str] = []
    pos: List[str] = []
    morphs: List[str] = []
    lemmas: List[str] = []
    sent_starts: List[Union[bool, int, None]] = []
    i = 0
    while i < len(doc):
        token = starts.get(i, MultiwordToken(i, i + 1, doc[i].text, i))
        parts = doc[token.start : token.end]
        words.append(token.form)
        spaces.append(bool(parts[-1].whitespace_))
        tags.append("_".join(part.tag_ for part in parts if part.tag_))
        pos.append(doc[token.root].pos_)
        lemmas.append(" ".join(part.lemma_ for part in parts if part.lemma_))
        morphs.append(_join_features([str(part.morph) for part in parts]))
        sent_starts.append(doc[i].is_sent_start)
        i = token.end
    merged = Doc(
        doc.vocab,
        words=words,
        spaces=spaces,
        tags=tags if doc.has_annotation("TAG") else None,
        pos=pos if doc.has_annotation("POS") else None,
        morphs=morphs if doc.has_annotation("MORPH") else None,
        lemmas=lemmas if doc.has_annotation("LEMMA") else None,
        sent_starts=sent_starts,
    )
    merged.has_unknown_spaces = doc.has_unknown_spaces
    _copy_token_attributes(doc, merged, tokens)
    return merged


def _copy_token_attributes(doc: Doc, merged: Doc, tokens: Sequence[MultiwordToken]) -> None:
    """Copy what `user_data` has of tokens. A multiword token gets what its first word has, but the labels of that."""
    inside = {i for token in tokens for i in range(token.start + 1, token.end)}
    first = {doc[token.start].idx for token in tokens}
    words = [word for word in doc if word.i not in inside]
    new = {word.idx: token.idx for word, token in zip(words, merged)}
    old_data: Dict[Any, Any] = doc.user_data
    user_data: Dict[Any, Any] = merged.user_data
    for key, value in old_data.items():
        is_of_token = isinstance(key, tuple) and len(key) == 4 and key[3] is None and key[2] in new
        if is_of_token and not (key[:2] == ALLOWED_LABELS and key[2] in first):
            new_key = (*key[:2], new[key[2]], None)
            user_data[new_key] = value


def _join_features(bundles: Sequence[str]) -> str:
    values: Dict[str, Set[str]] = {}
    for bundle in bundles:
        for feature in filter(None, bundle.split("|")):
            name, value = feature.split("=", 1)
            values.setdefault(name, set()).update(value.split(","))
    return "|".join(f"{name}={','.join(sorted(values[name]))}" for name in sorted(values))
