from spacy_lstm_tagger.pipeline.label_parts import find_label_parts

ANNOTATIONS = [
    ("NN", "NOUN", "Case=Nom|Number=Sing"),
    ("NP", "PROPN", "Case=Nom|Number=Sing"),
    ("NN", "NOUN", "Case=Acc|Number=Sing"),
    (".", "PUNCT", "_"),
    ("NN", "NOUN", ""),
]


def test_parts_are_features_and_parts_of_speech():
    labels = ["_", "Case=Acc|Number=Sing", "Case=Nom|Number=Sing", "Case=Gen"]
    ((name, parts),) = find_label_parts({"pos": ["NOUN"], "morph": labels}, ANNOTATIONS).items()
    assert name == "morph"
    empty, accusative, nominative, unseen = map(set, parts)
    assert len(empty) == 1 and len(accusative) == 3 and len(nominative) == 4 and len(unseen) == 1
    # The number and the noun.
    assert len(accusative & nominative) == 2
    assert not empty & (accusative | nominative) and not unseen & (accusative | nominative)
    numbers = sorted(empty | accusative | nominative | unseen)
    assert numbers == list(range(len(numbers)))


def test_without_features_there_are_none():
    assert find_label_parts({"tag": ["NN"]}, ANNOTATIONS) == {}
