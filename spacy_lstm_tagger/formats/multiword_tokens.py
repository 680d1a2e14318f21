"""Multiword tokens, such as French `du` for the words `de` and `le`: a treebank splits them, a tokenizer may not.

https://universaldependencies.org/u/overview/tokenization.html
"""

from typing import Callable, Dict, List, NamedTuple, Sequence, Set, Union

from spacy.tokens import Doc

# Where a doc keeps its multiword tokens, in `Doc.user_data`.
MULTIWORD_TOKENS = "multiword_tokens"


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


def merge_multiword_tokens(doc: Doc) -> Doc:
    """Make a doc of one with its multiword tokens whole.

    A whole one gets what `spacy convert --merge-subtokens` gives it: UPOS of its root, XPOS of all its words with "_"
    between them, and the features of all its words together.

    doc (Doc): An annotated doc.
    RETURNS (Doc): A doc with fewer tokens, or the doc itself if it has no multiword token.
    """
    return _merge(doc, _multiword_tokens(doc))


def merge_as_tokenized(doc: Doc, make_doc: Callable[[str], Doc]) -> Doc:
    """Make a doc of one with the same text: its multiword tokens are whole, unless the tokenizer splits them and their
    words spell them, as English `don't` is spelled by `do` and `n't`.

    doc (Doc): An annotated doc.
    make_doc (Callable[[str], Doc]): The tokenizer.
    RETURNS (Doc): A doc with fewer tokens, or the doc itself if no multiword token becomes whole.
    """
    tokens = _multiword_tokens(doc)
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


def _multiword_tokens(doc: Doc) -> List[MultiwordToken]:
    return [MultiwordToken(*token) for token in doc.user_data.get(MULTIWORD_TOKENS, ())]


def _merge(doc: Doc, tokens: Sequence[MultiwordToken]) -> Doc:
    if not tokens:
        return doc
    starts = {token.start: token for token in tokens}
    words: List[str] = []
    spaces: List[bool] = []
    tags: List[str] = []
    pos: List[str] = []
    morphs: List[str] = []
    sent_starts: List[Union[bool, int, None]] = []
    i = 0
    while i < len(doc):
        token = starts.get(i, MultiwordToken(i, i + 1, doc[i].text, i))
        parts = doc[token.start : token.end]
        words.append(token.form)
        spaces.append(bool(parts[-1].whitespace_))
        tags.append("_".join(part.tag_ for part in parts if part.tag_))
        pos.append(doc[token.root].pos_)
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
        sent_starts=sent_starts,
    )
    merged.has_unknown_spaces = doc.has_unknown_spaces
    return merged


def _join_features(bundles: Sequence[str]) -> str:
    values: Dict[str, Set[str]] = {}
    for bundle in bundles:
        for feature in filter(None, bundle.split("|")):
            name, value = feature.split("=", 1)
            values.setdefault(name, set()).update(value.split(","))
    return "|".join(f"{name}={','.join(sorted(values[name]))}" for name in sorted(values))
