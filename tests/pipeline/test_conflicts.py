import warnings
from typing import Any, Dict, List

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from ..conftest import WITH_LEMMAS, make_examples, make_pipeline

TAG_MAP = {"NN": {"POS": "X", "Number": "Sing"}}


def warnings_of(call: Any) -> List[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(warning.message) for warning in caught]


@pytest.fixture(scope="module")
def source() -> Language:
    """Not to be changed."""
    return make_pipeline(steps=5)


def pipeline_with(source: Language, config: Dict[str, Any] = {}, lang: str = "en") -> Language:
    nlp = spacy.blank(lang)
    settings = {**source.get_pipe_config("lstm_tagger"), **config}
    tagger = nlp.add_pipe(settings.pop("factory"), config=settings)
    tagger.from_bytes(source.get_pipe("lstm_tagger").to_bytes(exclude=["vocab"]), exclude=["vocab"])
    return nlp


@pytest.mark.parametrize("run", [lambda nlp: nlp("The dog"), lambda nlp: list(nlp.pipe(["", "The dog"]))])
def test_attribute_ruler_after_the_tagger_is_named_once(source: Language, run: Any) -> None:
    nlp = pipeline_with(source)
    nlp.add_pipe("attribute_ruler").load_from_tag_map(TAG_MAP)
    (message,) = warnings_of(lambda: run(nlp))
    assert "'attribute_ruler' comes after 'lstm_tagger' and overwrites its UPOS and FEATS" in message
    assert "replace_taggers(nlp)" in message
    assert warnings_of(lambda: run(nlp)) == []


def test_attribute_ruler_after_a_sourced_tagger_is_named(source: Language) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("attribute_ruler").load_from_tag_map(TAG_MAP)
    nlp.add_pipe("lstm_tagger", source=pipeline_with(source), first=True)
    (message,) = warnings_of(lambda: nlp("The dog"))
    assert "'attribute_ruler' comes after" in message


def test_morphologizer_after_the_tagger_is_named() -> None:
    nlp = make_pipeline()
    nlp.add_pipe("morphologizer")
    nlp.initialize(lambda: make_examples(nlp))
    (message,) = warnings_of(lambda: nlp("The dog"))
    assert "'morphologizer' comes after 'lstm_tagger' and overwrites its UPOS and FEATS" in message


@pytest.mark.parametrize("place", ["first", "last"])
def test_ruler_before_the_tagger_or_of_lemmas_alone_is_fine(source: Language, place: str) -> None:
    nlp = pipeline_with(source)
    ruler = nlp.add_pipe("attribute_ruler", **{place: True})
    ruler.add([[{"ORTH": "dog"}]], {"TAG": "NN", "POS": "NOUN"} if place == "first" else {"LEMMA": "dog"})
    assert warnings_of(lambda: nlp("cats The")) == []


def test_lemmas_of_a_ruler_after_a_tagger_that_sets_lemmas_are_fine() -> None:
    nlp = pipeline_with(make_pipeline(steps=2, sentences=WITH_LEMMAS, min_tree_freq=1))
    nlp.add_pipe("attribute_ruler").add([[{"ORTH": "'em"}]], {"LEMMA": "they"})  # type: ignore[attr-defined]
    assert warnings_of(lambda: nlp("Get 'em")) == []
    assert nlp("Get 'em")[1].lemma_ == "they"


def test_tagger_that_changes_nothing_says_so_once(source: Language) -> None:
    nlp = pipeline_with(source, {"overwrite": False})
    given = {"words": ["a", "b"], "tags": ["NN", "NN"], "pos": ["NOUN", "NOUN"], "morphs": ["", "Number=Sing"]}
    (message,) = warnings_of(lambda: nlp(Doc(nlp.vocab, **given)))
    assert "changes nothing: all words have XPOS, UPOS and FEATS already" in message
    assert "overwrite = true in [components.lstm_tagger]" in message
    assert warnings_of(lambda: nlp(Doc(nlp.vocab, **given))) == []


def test_labels_of_some_words_are_kept_without_a_warning(source: Language) -> None:
    nlp = pipeline_with(source)
    assert warnings_of(lambda: nlp(Doc(nlp.vocab, words=["a", "b"], tags=["", "NN"]))) == []


def test_labels_of_all_words_are_overwritten_without_a_warning(source: Language) -> None:
    nlp = pipeline_with(source)
    assert warnings_of(lambda: nlp(Doc(nlp.vocab, words=["a", "b"], tags=["NN", "NN"]))) == []


@pytest.mark.parametrize("lang, is_named", [("en", False), ("fr", True), ("xx", False)])
def test_tagger_of_another_language_is_named(lang: str, is_named: bool) -> None:
    nlp = spacy.blank(lang)
    nlp.add_pipe("lstm_tagger", config={"pretrained": "en"})
    messages = warnings_of(lambda: nlp("Le chat"))
    assert len(messages) == is_named
    assert all("for the language 'en' in a pipeline for 'fr'" in message for message in messages)


def test_sourced_tagger_of_another_language_is_named(source: Language) -> None:
    nlp = spacy.blank("fr")
    nlp.add_pipe("lstm_tagger", source=pipeline_with(source))
    (message,) = warnings_of(lambda: nlp("Le chat"))
    assert "for the language 'en' in a pipeline for 'fr'" in message


def test_docs_without_words_leave_the_check_to_later_ones(source: Language) -> None:
    nlp = pipeline_with(source, lang="fr")
    nlp.add_pipe("attribute_ruler").load_from_tag_map(TAG_MAP)
    assert warnings_of(lambda: list(nlp.pipe(["", "  "]))) == []
    assert len(warnings_of(lambda: nlp("chat"))) == 1
