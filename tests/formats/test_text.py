"""Any text: no crash, a label for every word, alone as in a batch, and annotation that is there stays there.

`pytest --slow tests/formats/test_text.py` reads 100,000 docs, the fast suite a few hundred. `fuzzing/fuzz.py` looks for
more docs that reach something new.
"""

import unicodedata

import numpy
import pytest
import spacy
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc

N_DOCS = 20
ANY = settings(deadline=None, suppress_health_check=list(HealthCheck))
MINE = {"tag": "MINE", "pos": "X", "morph": "Mine=Yes"}
# What normalization, shaping and bidirectional text make of characters: joiners, marks, flags, skin tones, tags.
TRICKY = [
    *("\u200b", "\u200d", "\ufeff", "\u00ad", "e\u0301\u0323\u0489", "\u0301", "שלום", "مرحبا", "\u202eabc\u202c"),
    *("\U0001f469\U0001f3fd\u200d\U0001f680", "\U0001f1ea\U0001f1fa", "\U0001f3f4\U000e0067\U000e007f", "\U0001d573"),
    *("ﷺ", "ﬁ", "İ", "ß", "Ǆ", "日本語", "ก็", "\x00", "\x1f", "\u0085", "\u2028", "\ud800", "\udfff"),
    *(" ", "\n", "\t ", "\u00a0", "\u3000", "a b", " a", "the", "dog", ".", "1,000", "-", "'", "-LRB-", "x" * 500),
]

words = st.one_of(
    st.sampled_from(TRICKY),
    st.text(st.characters(codec=None), min_size=1, max_size=12),
    st.lists(st.sampled_from(TRICKY), min_size=2, max_size=4).map("".join),
)
plans = st.fixed_dictionaries(
    {
        "words": st.one_of(st.lists(words, max_size=12), st.lists(st.sampled_from([" ", "\n", "\t "]), max_size=4)),
        "sentence_starts": st.lists(st.sampled_from([True, False, None]), max_size=12),
        "given": st.lists(st.sets(st.sampled_from(sorted(MINE))), max_size=12),
        "merged": st.lists(st.tuples(st.integers(0, 11), st.integers(1, 4)), max_size=2),
        "split": st.lists(st.integers(0, 11), max_size=2),
        "has_spaces": st.booleans(),
    }
)


@pytest.fixture(scope="module")
def nlp(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "model"
    trained.to_disk(path)
    return load_with_short_windows(path)


def load_with_short_windows(path) -> Language:
    """Docs of a few words are cut then."""
    sizes = {"components.lstm_tagger.model.window_size": 8, "components.lstm_tagger.model.window_overlap": 4}
    return spacy.load(path, config=sizes)


def make_doc(nlp: Language, plan) -> Doc:
    """Make a doc of whatever of this spaCy lets in."""
    kept = []
    for word in plan["words"]:
        try:
            nlp.vocab.strings.add(word)
        except UnicodeEncodeError:  # half of a surrogate pair
            continue
        kept.append(word)
    doc = Doc(nlp.vocab, words=kept, spaces=[plan["has_spaces"]] * len(kept))
    merge_and_split(doc, plan)
    for token, start in zip(doc, plan["sentence_starts"]):
        if token.i:
            token.is_sent_start = start
    for token, layers in zip(doc, plan["given"]):
        if "tag" in layers:
            token.tag_ = MINE["tag"]
        if "pos" in layers:
            token.pos_ = MINE["pos"]
        if "morph" in layers:
            token.set_morph(MINE["morph"])
    return doc


def merge_and_split(doc, plan):
    for start, length in plan["merged"]:
        if start + length <= len(doc):
            with doc.retokenize() as retokenizer:
                retokenizer.merge(doc[start : start + length])
    for i in plan["split"]:
        if i < len(doc) and len(doc[i].text) > 1:
            parts = [doc[i].text[:1], doc[i].text[1:]]
            with doc.retokenize() as retokenizer:
                retokenizer.split(doc[i], parts, heads=[(doc[i], 0), (doc[i], 1)])


def annotation(doc):
    return [(token.tag_, token.pos_, str(token.morph)) for token in doc]


def check(nlp: Language, docs) -> None:
    tagger = nlp.get_pipe("lstm_tagger")
    batched = tagger.predict_proba(docs)
    for doc, probabilities in zip(docs, batched):
        (alone,) = tagger.predict_proba([doc])
        for layer, rows in probabilities.items():
            assert rows.shape == (len(doc), len(tagger.label_data[layer]))
            assert numpy.array_equal(rows, alone[layer])
            assert numpy.isfinite(rows).all()
    allowed = [{*labels, ""} if layer == "morph" else set(labels) for layer, labels in tagger.label_data.items()]
    before = [annotation(doc) for doc in docs]
    for overwrite in (False, True):
        tagger.cfg["overwrite"] = overwrite
        for doc, old in zip(tagger.pipe([doc.copy() for doc in docs], batch_size=7), before):
            every_word = all(any(was) for token, was in zip(doc, old) if not token.is_space)
            for token, new, was in zip(doc, annotation(doc), old):
                for value, given_value, space, labels in zip(new, was, ("_SP", "SPACE", ""), allowed):
                    if given_value and not (overwrite and every_word):
                        assert value == given_value
                    else:
                        assert value == space if token.is_space else value in labels
    tagger.cfg["overwrite"] = False


@given(plans=st.lists(plans, max_size=N_DOCS))
@settings(ANY, max_examples=40)
def test_any_text(nlp, plans):
    check(nlp, [make_doc(nlp, plan) for plan in plans])


def has(test):
    """RETURNS (Callable): Whether a doc has a character of which a test is true."""
    return lambda plan, doc: any(map(test, doc.text))


COVERED = {
    "empty": lambda plan, doc: not len(doc),
    "whitespace only": lambda plan, doc: len(doc) > 1 and doc.text.isspace(),
    "whitespace in a word": lambda plan, doc: any(" " in token.text.strip() for token in doc),
    "zero width": has(lambda character: character == "\u200b"),
    "combining": has(unicodedata.combining),
    "right to left": has(lambda character: unicodedata.bidirectional(character) in ("R", "AL", "RLO")),
    "emoji sequence": lambda plan, doc: "\u200d\U0001f680" in doc.text,
    "control character": has(lambda character: unicodedata.category(character) == "Cc" and not character.isspace()),
    "unassigned": has(lambda character: unicodedata.category(character) in ("Cn", "Co")),
    "half of a surrogate pair": lambda plan, doc: any("\ud800" <= c <= "\udfff" for c in "".join(plan["words"])),
    "half tagged": lambda plan, doc: 0 < sum(bool(token.tag) for token in doc) < len(doc),
    "a layer alone": lambda plan, doc: any(token.pos and not token.tag for token in doc),
    "sentences": lambda plan, doc: len(doc) > 2 and all(token.is_sent_start is not None for token in doc),
    "partial sentences": lambda plan, doc: len({token.is_sent_start for token in doc[1:]}) == 3,
    "sentence longer than a window": lambda plan, doc: len(doc) > 8 and doc.has_annotation("SENT_START"),
    "merged": lambda plan, doc: plan["has_spaces"] and any(" " in t.text and t.text not in TRICKY for t in doc),
    "split": lambda plan, doc: len(doc) > len(plan["words"]),
}


@pytest.mark.parametrize("what", list(COVERED))
def test_any_text_has_it_all(nlp, what):
    one = settings(ANY, max_examples=2000, phases=[Phase.generate], derandomize=True)
    find(plans, lambda plan: COVERED[what](plan, make_doc(nlp, plan)), settings=one)


@pytest.mark.slow
def test_any_text_for_long(nlp):
    n_docs = 0

    @given(plans=st.lists(plans, min_size=N_DOCS, max_size=N_DOCS))
    @settings(ANY, max_examples=100_000 // N_DOCS, database=None)
    def check_any(plans):
        nonlocal n_docs
        n_docs += len(plans)
        check(nlp, [make_doc(nlp, plan) for plan in plans])

    check_any()
    print(f"{n_docs} docs")
    assert n_docs >= 100_000


@given(text=st.text(st.characters(codec=None), max_size=300))
@settings(ANY, max_examples=60)
def test_any_text_through_the_tokenizer(nlp, text):
    try:
        doc = nlp.make_doc(text)
    except UnicodeEncodeError:  # half of a surrogate pair
        return
    check(nlp, [doc])


@pytest.mark.parametrize("text", ["\ud800", "a \udfff b", "dog\ud83d"])
def test_half_a_surrogate_pair_is_spacys_error(nlp, text):
    before = annotation(nlp("The dog"))
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        list(nlp.pipe(["The dog", text]))
    assert annotation(nlp("The dog")) == before


@pytest.mark.parametrize(
    "words",
    [
        [],
        [" "],
        ["\n", "\t", "\u3000"],
        ["x" * 1_000_000, "the", "é" * 1_000_000],
        ["the\u0301" * 200_000],
        ["two words", " lead", "trail ", "a\nb"],
    ],
    ids=["empty", "a space", "spaces", "1 MB", "1 MB of marks", "spaces in words"],
)
def test_odd_docs(nlp, words):
    check(nlp, [Doc(nlp.vocab, words=words), Doc(nlp.vocab, words=["the", "dog"])])


@pytest.mark.parametrize("has_sentences", [False, True])
@pytest.mark.parametrize("n_lines", [1000, pytest.param(28_572, marks=pytest.mark.slow)])
def test_very_long_doc(nlp, has_sentences, n_lines):
    """Of up to 200,000 tokens."""
    words = ["The", "dog", "ate", "the", "apples", ".", "\n"] * n_lines
    sent_starts = [i % 7 == 0 for i in range(len(words))] if has_sentences else None
    doc = Doc(nlp.vocab, words=words, sent_starts=sent_starts)
    check(nlp, [doc, Doc(nlp.vocab, words=["the", "dog"])])
    nlp.get_pipe("lstm_tagger")(doc)
    if has_sentences:
        assert annotation(doc) == annotation(doc[:7]) * n_lines
