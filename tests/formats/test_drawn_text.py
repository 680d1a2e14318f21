import re
from html.parser import HTMLParser

import spacy
from spacy.tokens import Doc

from spacy_lstm_tagger.formats.drawn_text import render

from ..conftest import TEXTS, make_pipeline


def words(html):
    """What is left where a site removes all styles."""
    return re.sub(r"<[^>]+>", "", html).split()


def test_without_styles_there_are_words_and_labels(trained):
    assert words(render(trained("The dog ate"))._repr_html_()) == ["The", "DET", "dog", "NOUN", "ate", "VERB"]


def test_text_is_escaped(trained):
    text = '<img src=x> "quoted" & </div>'
    parser = HTMLParser()
    tags, shown = [], []
    parser.handle_starttag = lambda tag, attributes: tags.append(tag)
    parser.handle_data = shown.append
    parser.feed(render(trained(text)).html)
    assert set(tags) == {"div", "p", "span", "bdi", "sub"}
    assert [piece for piece in shown if piece.strip()][::2] == [token.text for token in trained(text)]


def test_any_text_is_drawn(trained):
    for text in TEXTS:
        n_words = sum(not token.is_space for token in trained(text))
        assert render(trained(text)).html.count("<span ") == n_words


def test_each_sentence_is_a_line(trained):
    doc = Doc(trained.vocab, words=["Yes", "!", "Run"], sent_starts=[True, False, True], pos=["INTJ", "PUNCT", "VERB"])
    assert [words(line) for line in render(doc).html.splitlines()[1:-1]] == [
        ["Yes", "INTJ", "!", "PUNCT"],
        ["Run", "VERB"],
    ]


def test_spans_are_drawn(trained):
    assert words(render(trained("The dog ate")[1:]).html) == ["dog", "NOUN", "ate", "VERB"]


def test_tags_are_shown_where_there_is_no_upos(trained):
    doc = Doc(trained.vocab, words=["Yes"], tags=["UH"])
    assert words(render(doc).html) == ["Yes", "UH"]


def test_confidence_is_shown_where_it_is_stored():
    nlp = make_pipeline(steps=60, store_confidence=True)
    html = render(nlp("The dog ate")).html
    assert re.search(r'title="UPOS DET \d+ % · XPOS DT \d+ %', html)
    doubtful = render(make_pipeline(steps=1, store_confidence=True)("The dog ate")).html
    assert doubtful.count("dotted") == 3


def test_direction_is_that_of_the_language():
    assert 'lang="ar" dir="rtl"' in render(spacy.blank("ar")("الكلب")).html


def test_nothing_is_run_or_fetched(trained):
    html = render(trained("The dog ate")).html
    assert not re.search(r"<script|<style|<link|<img|https?:|url\(|class=", html)
