"""Multiword tokens: as the treebank's words, whole, and as the pipeline's tokenizer has them."""

import warnings

import pytest
import spacy
from spacy.scorer import Scorer
from spacy.tokens import Doc, DocBin
from spacy.training.converters import conllu_to_docs

from spacy_lstm_tagger.formats.multiword_tokens import find_multiword_tokens, merge_multiword_tokens
from spacy_lstm_tagger.formats.raw_text import is_raw_text, make_raw_example
from spacy_lstm_tagger.formats.treebank import create_treebank_v1, read_docs

# Each word's head follows its features.
CONLLU = """\
# text = Le chat du maire va au marché.
1	Le	_	DET	D	Definite=Def	2	_	_	_
2	chat	_	NOUN	N	Number=Sing	6	_	_	_
3-4	du	_	_	_	_	_	_	_	_
3	de	_	ADP	P	_	5	_	_	_
4	le	_	DET	D	Definite=Def|Number=Sing	5	_	_	_
5	maire	_	NOUN	N	Number=Sing	2	_	_	_
6	va	_	VERB	V	Number=Sing	0	_	_	_
7-8	au	_	_	_	_	_	_	_	_
7	à	_	ADP	P	Number=Plur	9	_	_	_
8	le	_	DET	D	Definite=Def|Number=Sing	9	_	_	_
9	marché	_	NOUN	N	Number=Sing	6	_	_	SpaceAfter=No
10	.	_	PUNCT	.	_	6	_	_	SpaceAfter=No

# text = Bien
1	Bien	_	ADV	R	_	0	_	_	_

"""
ENGLISH = """\
1-2	Don't	_	_	_	_	_	_	_	_
1	Do	_	AUX	VB	_	3	_	_	_
2	n't	_	PART	RB	_	3	_	_	_
3	go	_	VERB	VB	_	0	_	_	SpaceAfter=No
4-5	wanna	_	_	_	_	_	_	_	_
4	want	_	VERB	VB	_	3	_	_	_
5	to	_	PART	TO	_	4	_	_	_

"""
LAST_WORD_FIRST = """\
1-3	dámelo	_	_	_	_	_	_	_	_
1	da	_	VERB	V	Mood=Imp	2	_	_	_
2	me	_	PRON	P	Case=Dat	0	_	_	_
3	lo	_	PRON	P	Case=Acc	1	_	_	_

"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "treebank.conllu"
    path.write_text(CONLLU, encoding="utf8")
    return path


def annotation(doc):
    return [(token.text, token.tag_, token.pos_, str(token.morph)) for token in doc]


def read(path, lang="fr", **options):
    return list(create_treebank_v1(path, gold_preproc=True, **options)(spacy.blank(lang)))


def texts(examples):
    return [" ".join(token.text for token in eg.reference) for eg in examples]


WORDS, WHOLE = "Le chat de le maire va à le marché .", "Le chat du maire va au marché ."


@pytest.mark.parametrize(
    "multiword, expected", [("split", [WORDS, "Bien"]), ("whole", [WHOLE, "Bien"]), ("both", [WORDS, WHOLE, "Bien"])]
)
def test_readings(path, multiword, expected):
    assert texts(read(path, multiword=multiword)) == expected


def test_both_is_the_default(path):
    assert texts(read(path)) == [WORDS, WHOLE, "Bien"]


def test_unknown_reading(path):
    with pytest.raises(ValueError, match="multiword must be one of both, split, whole, not 'joined'"):
        create_treebank_v1(path, multiword="joined")


@pytest.mark.parametrize("content", [CONLLU, ENGLISH, LAST_WORD_FIRST])
def test_whole_is_what_spacys_converter_gives(path, content):
    path.write_text(content, encoding="utf8")
    theirs = conllu_to_docs(content, n_sents=1, merge_subtokens=True, no_print=True)
    ours = [annotation(eg.reference) for eg in read(path, multiword="whole")]
    assert ours == [annotation(doc) for doc in theirs]


def test_whole_has_the_text_of_the_sentence(path):
    assert read(path, multiword="whole")[0].reference.text == "Le chat du maire va au marché."


def test_what_the_tokenizer_splits_as_the_treebank_is_not_read_whole(path):
    path.write_text(ENGLISH, encoding="utf8")
    # "wanna" is spelled by "wan" and "na", which the tokenizer gives, but not by the treebank's "want" and "to".
    assert texts(read(path, lang="en")) == ["Do n't go want to", "Do n't go wanna"]


def test_held_out_docs_keep_their_multiword_tokens(path, tmp_path):
    docs = list(read_docs(path, spacy.blank("fr").vocab))
    attributes = ["ORTH", "SPACY", "SENT_START", "TAG", "POS", "MORPH"]
    DocBin(docs=docs, attrs=attributes, store_user_data=True).to_disk(tmp_path / "held_out.spacy")
    assert texts(read(tmp_path / "held_out.spacy")) == texts(read(path))


@pytest.mark.parametrize(
    "rows, message",
    [
        (["2-3\tdu"], "line 1: the token must begin with word 1, not '2-3'"),
        (["1-0\tdu"], "line 1: the token must begin with word 1, not '1-0'"),
        (["1-3\tdu", "1\tde"], "line 2: the sentence ends within the multiword token 'du'"),
    ],
)
def test_damaged_multiword_token(path, rows, message):
    path.write_text("".join(row + "\t_" * 8 + "\n" for row in rows), encoding="utf8")
    with pytest.raises(ValueError, match=message):
        read(path)


def test_heads_in_a_circle(path):
    path.write_text(LAST_WORD_FIRST.replace("Dat\t0", "Dat\t1"), encoding="utf8")
    assert [annotation(eg.reference)[0][2] for eg in read(path, multiword="whole")] == ["VERB"]


class TestRawText:
    def test_examples_have_the_tokenizers_tokens(self, path):
        examples = read(path, multiword="split", raw_text=True)
        assert [is_raw_text(eg) for eg in examples] == [False, True, False, True]
        assert [token.text for token in examples[1].predicted] == WHOLE.split()
        assert [token.text for token in examples[1].reference] == WHOLE.split()

    def test_multiword_token_that_the_tokenizer_splits_counts_as_its_words(self, path):
        path.write_text(ENGLISH, encoding="utf8")
        nlp = spacy.blank("en")
        (doc,) = read_docs(path, nlp.vocab)
        eg = make_raw_example(doc, nlp)
        assert eg.reference.text == eg.predicted.text == "Don't gowanna "
        assert [token.text for token in eg.reference][:2] == ["Do", "n't"]

    def test_the_docs_that_were_read_are_not_marked(self, path):
        nlp = spacy.blank("fr")
        docs = list(read_docs(path, nlp.vocab))
        examples = [make_raw_example(doc, nlp) for doc in docs]
        assert all(map(is_raw_text, examples))
        assert not any("raw_text" in doc.user_data for doc in docs)


def test_tokens_aligned_by_characters_are_as_many_as_spacy_aligns(path):
    nlp = spacy.blank("xx")
    examples = [make_raw_example(doc, nlp) for doc in read_docs(path, nlp.vocab)]
    assert Scorer.score_tokenization(examples)["token_f"] == 1.0


def test_joined_docs_keep_their_multiword_tokens(path):
    docs = list(read_docs(path, spacy.blank("fr").vocab))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        joined = Doc.from_docs([docs[1], docs[0]])
    assert [token.form for token in find_multiword_tokens(joined)] == ["du", "au"]
    assert merge_multiword_tokens(joined).text.split() == ["Bien", *WHOLE.replace(" .", ".").split()]
    assert [token.form for token in find_multiword_tokens(joined[:6].as_doc(copy_user_data=True))] == ["du"]
