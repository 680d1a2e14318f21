import pytest

from spacy_lstm_tagger import load_pipeline, lstm_tagger_table

pytest.importorskip("pandas")
TEXTS = ["She reads. He runs.", "", None, "Run!\n\nNow"]


def test_rows_are_the_tokens_that_spacy_gives():
    nlp = load_pipeline("en", store_confidence=True)
    expected = []
    for number, text in enumerate(TEXTS):
        for sentence, span in enumerate(nlp(text or "").sents):
            for token in span:
                labels = token.pos_, token.tag_, str(token.morph), token.lemma_
                expected.append((number, sentence, token.text, token.idx, bool(token.whitespace_), *labels))
    table = lstm_tagger_table(TEXTS, confidence=True)
    columns = ["doc", "sentence", "text", "start", "whitespace", "pos", "tag", "morph", "lemma"]
    assert list(table[columns].itertuples(index=False, name=None)) == expected
    assert table["pos_confidence"].between(0, 1).sum() == sum(not row[2].isspace() for row in expected)


@pytest.mark.parametrize("texts", [[], ["", None]])
def test_no_tokens_are_no_rows(texts, trained_path):
    table = lstm_tagger_table(texts, model=trained_path)
    assert len(table) == 0 and {"doc", "text", "pos"} <= set(table.columns)


def test_generator_is_a_list_too(trained_path):
    assert lstm_tagger_table((text for text in ["Run", "Run"]), model=trained_path)["doc"].tolist() == [0, 1]


def test_one_text_is_a_mistake(trained_path):
    with pytest.raises(TypeError, match="A list of texts was expected, as in lstm_tagger_table"):
        lstm_tagger_table("Run", model=trained_path)
