from typing import List, NamedTuple, Optional, Tuple

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Token

from spacy_lstm_tagger.model.windows import Windows, cut_windows

VOCAB = spacy.blank("en").vocab


class Cut(NamedTuple):
    docs: List[Doc]
    size: int
    overlap: int


def make_doc(words: List[str], starts: Optional[List[Optional[bool]]] = None) -> Doc:
    return Doc(VOCAB, words=words, sent_starts=starts)


@st.composite
def docs(draw: st.DrawFn) -> Doc:
    words = draw(st.lists(st.sampled_from(["a", "dog", "ate", "the", ".", " ", "\n"]), max_size=25))
    # Mostly unset, at times set at every token, at times set rarely.
    mark = draw(st.sampled_from([[None], [True, False], [True, False, False, False, None]]))
    return make_doc(words, [draw(st.sampled_from(mark)) for _ in words])


@st.composite
def cuts(draw: st.DrawFn, overlaps: st.SearchStrategy = st.integers(0, 7)) -> Cut:
    overlap = draw(overlaps)
    return Cut(draw(st.lists(docs(), max_size=4)), draw(st.integers(overlap + 1, overlap + 8)), overlap)


def split_windows(windows: Windows) -> List[List[Tuple[int, int]]]:
    """Each window's words and targets."""
    assert windows.lengths.sum() == len(windows.orths) == len(windows.targets)
    cells = list(zip(windows.orths.tolist(), windows.targets.tolist()))
    ends = windows.lengths.cumsum().tolist()
    return [cells[end - length : end] for end, length in zip(ends, windows.lengths.tolist())]


def number_of_sentences(doc: Doc) -> List[int]:
    """The number of the sentence that each token is in."""
    numbers, number = [], 0
    for token in doc:
        number += token.is_sent_start is True
        numbers.append(number)
    return numbers


def cut_slowly(docs: List[Doc], size: int, overlap: int) -> List[List[Tuple[int, int]]]:
    """What `split_windows(cut_windows(...))` has to be, token by token."""
    windows = []
    offset = 0
    for doc in docs:
        numbers = number_of_sentences(doc)
        for sentence in sorted(set(numbers)):
            tokens = [token for token in doc if numbers[token.i] == sentence and not token.is_space]
            while tokens:
                window, rest = tokens[:size], tokens[size:]
                cells = []
                for position, token in enumerate(window):
                    # A cut side gives up its part of the overlap. The first token of the sentence has none before it.
                    is_cut_before = token_before(doc, numbers, window[0]) and position < overlap // 2
                    is_cut_after = rest and position >= len(window) - (overlap - overlap // 2)
                    cells.append((token.orth, -1 if is_cut_before or is_cut_after else token.i + offset))
                windows.append(cells)
                tokens = tokens[size - overlap :] if rest else []
        offset += len(doc)
    return windows


def token_before(doc: Doc, numbers: List[int], token: Token) -> bool:
    """Whether the token's sentence has a word before it."""
    return any(numbers[other.i] == numbers[token.i] and not other.is_space for other in doc[: token.i])


@settings(deadline=None)
@given(cuts())
def test_equals_slow_code(cut: Cut) -> None:
    assert split_windows(cut_windows(*cut)) == cut_slowly(*cut)


@pytest.mark.parametrize("overlaps", [st.just(0), st.integers(0, 7)], ids=["without_overlap", "with_overlap"])
@settings(deadline=None)
@given(data=st.data())
def test_each_word_is_the_target_of_one_cell(overlaps: st.SearchStrategy, data: st.DataObject) -> None:
    cut = data.draw(cuts(overlaps))
    windows = cut_windows(*cut)
    tokens = [token for doc in cut.docs for token in doc]
    targets = [target for target in windows.targets.tolist() if target != -1]
    assert targets == [i for i, token in enumerate(tokens) if not token.is_space]
    for orth, target in zip(windows.orths.tolist(), windows.targets.tolist()):
        assert target == -1 or orth == tokens[target].orth


@settings(deadline=None)
@given(cuts())
def test_no_window_is_empty_or_too_long(cut: Cut) -> None:
    assert all(1 <= length <= cut.size for length in cut_windows(*cut).lengths)


@settings(deadline=None)
@given(cuts(st.just(0)))
def test_without_overlap_every_cell_is_a_target(cut: Cut) -> None:
    assert (cut_windows(*cut).targets >= 0).all()


@settings(deadline=None)
@given(cuts())
def test_cut_sides_have_context(cut: Cut) -> None:
    numbers = [(i, number) for i, doc in enumerate(cut.docs) for number in number_of_sentences(doc)]
    previous, context = None, 0
    for window in split_windows(cut_windows(*cut)):
        positions = [i for i, (_, target) in enumerate(window) if target != -1]
        sentence = numbers[window[positions[0]][1]]
        if sentence == previous:
            assert positions[0] >= cut.overlap // 2
            assert context >= cut.overlap // 2
        else:
            assert positions[0] == 0
        previous, context = sentence, len(window) - 1 - positions[-1]


@settings(deadline=None)
@given(cuts())
def test_no_window_crosses_a_sentence_boundary(cut: Cut) -> None:
    offset = 0
    sentences = []
    for doc in cut.docs:
        for i, number in enumerate(number_of_sentences(doc)):
            sentences.append((offset, number, doc[i].orth))
        offset += len(doc)
    for window in split_windows(cut_windows(*cut)):
        inside = {sentences[target][:2] for _, target in window if target != -1}
        assert len(inside) == 1
        # Context too is of that sentence: its words, in their order, without a gap.
        words = [orth for *sentence, orth in sentences if tuple(sentence) in inside and not VOCAB[orth].is_space]
        orths = [orth for orth, _ in window]
        assert any(words[i : i + len(orths)] == orths for i in range(len(words)))


@settings(deadline=None)
@given(cuts())
def test_together_equals_alone(cut: Cut) -> None:
    alone = []
    offset = 0
    for doc in cut.docs:
        for window in split_windows(cut_windows([doc], cut.size, cut.overlap)):
            alone.append([(orth, target + offset if target != -1 else -1) for orth, target in window])
        offset += len(doc)
    assert split_windows(cut_windows(*cut)) == alone


def test_a_long_sentence_is_cut_in_the_middle_of_the_overlap() -> None:
    windows = split_windows(cut_windows([make_doc(list("abcdefgh"))], size=5, overlap=2))
    read = [
        ("".join(VOCAB.strings[orth] for orth, _ in window), [target for _, target in window]) for window in windows
    ]
    assert read == [("abcde", [0, 1, 2, 3, -1]), ("defgh", [-1, 4, 5, 6, 7])]


@pytest.mark.parametrize("words", [[], [" "], ["\n", " "]])
def test_docs_without_words_have_no_windows(words: List[str]) -> None:
    assert all(len(part) == 0 for part in cut_windows([make_doc(words)], size=3, overlap=1))


@pytest.mark.parametrize("words", [[], [" ", "\n", "\n"]])
def test_docs_without_words_shift_targets_by_their_length(words: List[str]) -> None:
    windows = cut_windows([make_doc(words), make_doc(["a"]), make_doc(words), make_doc(["b"])], size=3, overlap=1)
    assert windows.targets.tolist() == [len(words), 2 * len(words) + 1]


def test_no_docs_have_no_windows() -> None:
    assert all(len(part) == 0 for part in cut_windows([], size=3, overlap=1))


def test_a_sentence_that_starts_at_whitespace_starts_at_the_next_word() -> None:
    doc = make_doc(["a", "b", "\n", "c"], [True, False, True, False])
    assert cut_windows([doc], size=9, overlap=0).lengths.tolist() == [2, 1]


def test_docs_without_boundaries_are_cut_at_empty_lines() -> None:
    nlp = spacy.blank("en")
    docs = [
        nlp("a b\n\nc"),
        nlp("\n\nd\n \ne f\ng\n\n"),
        Doc(nlp.vocab, ["h", "\n\n", "i"], sent_starts=[True, False, False]),
    ]
    assert cut_windows(docs, size=9, overlap=2).lengths.tolist() == [2, 1, 1, 3, 2]
    assert cut_windows(docs[:1], size=9, overlap=2).lengths.tolist() == [2, 1]
