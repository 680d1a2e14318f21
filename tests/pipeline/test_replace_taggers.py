from pathlib import Path
from typing import Any, List

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_lstm_tagger.pipeline.replace_taggers import replace_taggers

from ..conftest import SENTENCES, TEXTS, make_pipeline

LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96}


@pytest.fixture(scope="module")
def source() -> Language:
    """Not to be changed."""
    return make_pipeline(steps=20)


def annotation(doc: Doc) -> Any:
    return [(token.tag_, token.pos_, str(token.morph)) for token in doc]


def make_spacy_pipeline() -> Language:
    """A pipeline as spaCy's own: a shared tok2vec, taggers, parser, attribute ruler, lemmatizer and entities."""
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec")
    nlp.add_pipe("tagger", config={"model": {"tok2vec": LISTENER}})
    nlp.add_pipe("morphologizer", config={"model": {"tok2vec": LISTENER}})
    nlp.add_pipe("parser", config={"model": {"tok2vec": LISTENER}})
    ruler = nlp.add_pipe("attribute_ruler")
    nlp.add_pipe("test_pos_reader")
    nlp.add_pipe("ner", config={"model": {"tok2vec": LISTENER}})
    examples = []
    for sentence in SENTENCES:
        n_words = len(sentence["words"])
        gold = {
            **sentence,
            "heads": [0] * n_words,
            "deps": ["dep"] * n_words,
            "entities": ["U-X"] + ["O"] * (n_words - 1),
        }
        examples.append(Example.from_dict(Doc(nlp.vocab, words=sentence["words"]), gold))
    nlp.initialize(lambda: examples)
    ruler.load_from_tag_map({"NN": {"POS": "X"}, "NNS": {"POS": "X", "Number": "Sing"}})
    ruler.add([[{"ORTH": "'em"}]], {"LEMMA": "they", "POS": "PRON"})
    return nlp


@Language.component("test_pos_reader", requires=["token.pos"])
def read_pos(doc: Doc) -> Doc:
    """Uses UPOS, as the lemmatizer does."""
    for token in doc:
        token.lemma_ = token.lemma_ or f"{token.pos_}-{token.lower_}"
    return doc


def test_labels_are_the_taggers(source: Language) -> None:
    nlp = make_spacy_pipeline()
    assert replace_taggers(nlp, source) is nlp
    assert list(map(annotation, nlp.pipe(TEXTS))) == list(map(annotation, source.pipe(TEXTS)))


def test_tagger_takes_the_place_of_the_first_one(source: Language) -> None:
    nlp = replace_taggers(make_spacy_pipeline(), source)
    assert nlp.pipe_names == ["tok2vec", "lstm_tagger", "parser", "attribute_ruler", "test_pos_reader", "ner"]


def test_components_that_listen_to_tok2vec_give_the_same(source: Language) -> None:
    def parse(nlp: Language) -> List[Any]:
        docs = nlp.pipe(TEXTS)
        return [[(token.dep_, token.head.i, token.ent_type_, token.ent_iob_) for token in doc] for doc in docs]

    nlp = make_spacy_pipeline()
    before = parse(nlp)
    assert parse(replace_taggers(nlp, source)) == before
    assert nlp.get_pipe("tok2vec").listening_components == ["parser", "ner"]


def test_other_attributes_of_the_ruler_stay(source: Language) -> None:
    nlp = replace_taggers(make_spacy_pipeline(), source)
    assert [pattern["attrs"] for pattern in nlp.get_pipe("attribute_ruler").patterns] == [{"LEMMA": "they"}]
    doc = nlp("I ate 'em")
    assert doc[2].lemma_ == "they"
    assert doc[1].lemma_ == f"{doc[1].pos_}-ate"


def test_ruler_of_labels_alone_is_removed(source: Language) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("attribute_ruler").load_from_tag_map({"NN": {"POS": "X"}})
    assert replace_taggers(nlp, source).pipe_names == ["lstm_tagger"]


@pytest.mark.parametrize(
    "pipes, expected",
    [
        ([], ["lstm_tagger"]),
        (["sentencizer"], ["sentencizer", "lstm_tagger"]),
        (["sentencizer", "entity_ruler"], ["sentencizer", "lstm_tagger", "entity_ruler"]),
        (["lemmatizer", "sentencizer"], ["lstm_tagger", "lemmatizer", "sentencizer"]),
        (["sentencizer", "morphologizer"], ["sentencizer", "lstm_tagger"]),
        (["lstm_tagger", "sentencizer", "tagger"], ["lstm_tagger", "sentencizer"]),
    ],
)
def test_place_in_other_pipelines(pipes: List[str], expected: List[str], source: Language) -> None:
    nlp = spacy.blank("en")
    for name in pipes:
        nlp.add_pipe(name)
    assert replace_taggers(nlp, source).pipe_names == expected


def test_components_are_found_by_what_they_are_and_not_by_name(source: Language) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger", name="my_tags")
    nlp.add_pipe("test_pos_reader", name="tagger")
    assert replace_taggers(nlp, source).pipe_names == ["lstm_tagger", "tagger"]


def test_replacing_twice_is_replacing_once(source: Language) -> None:
    nlp = replace_taggers(replace_taggers(make_spacy_pipeline(), source), source)
    assert nlp.pipe_names.count("lstm_tagger") == 1
    assert annotation(nlp(TEXTS[3])) == annotation(source(TEXTS[3]))


def test_source_stays_as_it_is_and_is_not_shared(source: Language) -> None:
    nlp = replace_taggers(spacy.blank("en"), source)
    assert source.pipe_names == ["lstm_tagger"]
    assert nlp.get_pipe("lstm_tagger") is not source.get_pipe("lstm_tagger")
    assert nlp.get_pipe("lstm_tagger").vocab is nlp.vocab


def test_model_is_a_directory_and_its_overwrite_is_not_taken(tmp_path: Path) -> None:
    keeping = make_pipeline(steps=5, overwrite=False)
    keeping.to_disk(tmp_path)
    nlp = spacy.blank("en")
    nlp.add_pipe("attribute_ruler").add([[{}]], {"TAG": "ZZ"})
    nlp.add_pipe("sentencizer")
    replace_taggers(nlp, tmp_path)
    assert nlp.get_pipe("lstm_tagger").cfg["overwrite"] is True
    assert annotation(nlp(TEXTS[3])) == annotation(keeping(TEXTS[3]))


def test_model_is_a_pretrained_name() -> None:
    nlp = replace_taggers(spacy.blank("en"))
    assert [token.pos_ for token in nlp("She reads.")] == ["PRON", "VERB", "PUNCT"]


def test_saved_pipeline_gives_the_same(source: Language, tmp_path: Path) -> None:
    nlp = replace_taggers(make_spacy_pipeline(), source)
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    assert list(map(annotation, again.pipe(TEXTS))) == list(map(annotation, nlp.pipe(TEXTS)))


def test_model_without_an_lstm_tagger_is_an_error_and_changes_nothing() -> None:
    nlp = make_spacy_pipeline()
    names = nlp.pipe_names
    with pytest.raises(ValueError, match="no component of the factory 'lstm_tagger'"):
        replace_taggers(nlp, spacy.blank("en"))
    assert nlp.pipe_names == names


@pytest.mark.parametrize(
    "others, left",
    [
        ([], ["tag", "pos", "morph", "lemma", "sents"]),
        (["sentencizer"], ["tag", "pos", "morph", "lemma"]),
        (["lemmatizer"], ["tag", "pos", "morph", "sents"]),
        (["senter", "trainable_lemmatizer"], ["tag", "pos", "morph"]),
    ],
)
def test_lemmas_and_sentences_of_other_components_stay_theirs(
    others: List[str], left: List[str], source: Language
) -> None:
    nlp = spacy.blank("en")
    for other in others:
        nlp.add_pipe(other)
    replace_taggers(nlp, model=source)
    assert nlp.get_pipe("lstm_tagger").cfg["heads"] == left  # type: ignore[attr-defined]
    assert nlp.config["components"]["lstm_tagger"]["heads"] == left
