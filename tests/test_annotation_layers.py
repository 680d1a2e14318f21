from spacy_lstm_tagger.annotation_layers import UPOS


def test_upos_are_the_17_of_universal_dependencies() -> None:
    assert " ".join(UPOS) == "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X"
