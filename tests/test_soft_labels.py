"""Soft labels: from a teacher into docs and files, and from these into training."""

from pathlib import Path

import numpy
import pyarrow
import pytest
import spacy
import torch
from numpy.testing import assert_allclose
from pyarrow.parquet import write_table
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from spacy_lstm_tagger.formats.treebank import create_treebank_v1, read_docs
from spacy_lstm_tagger.pipeline.loss import negative_log_likelihood
from spacy_lstm_tagger.pipeline.targets import SoftTargets, soft_targets
from spacy_lstm_tagger.soft_labels import cut_out, find_soft_labels, set_soft_labels

NLP = spacy.blank("en")
LABELS = {"pos": ["AUX", "NOUN", "PRON", "VERB"], "morph": ["_", "Number=Sing", "VerbForm=Inf"]}
WORDS = ["It", "may", "rain"]
POS = [[("PRON", 1.0)], [("AUX", 0.9), ("NOUN", 0.04)], [("VERB", 0.7), ("NOUN", 0.3)]]
MORPH = [[], [], [("VerbForm=Inf", 0.6), ("Number=Sing", 0.4)]]


def make_doc(words=WORDS, **layers):
    doc = Doc(NLP.vocab, words)
    set_soft_labels(doc, layers or {"pos": POS, "morph": MORPH})
    return doc


def example(doc, words=None):
    return Example(Doc(NLP.vocab, words or [token.text for token in doc]), doc)


def listed(doc):
    """What the labels were set from."""
    return {
        layer: [
            [(labels.names[i], pytest.approx(float(p))) for i, p in zip(*row) if i >= 0]
            for row in zip(labels.indices, labels.probabilities)
        ]
        for layer, labels in find_soft_labels(doc).items()
    }


def save_parquet(path, docs=None, **columns):
    rows = {
        "words": [[token.text for token in doc] for doc in docs or []],
        **{
            f"{layer}_soft": [
                [
                    [{"label": labels.names[i], "probability": p} for i, p in zip(*row) if i >= 0]
                    for row in zip(labels.indices, labels.probabilities)
                ]
                for labels in (find_soft_labels(doc)[layer] for doc in docs)
            ]
            for layer in (find_soft_labels(docs[0]) if docs else ())
        },
        **columns,
    }
    write_table(pyarrow.table(rows), path)
    return path


def test_likeliest_label_is_that_of_a_token_without_one():
    doc = Doc(NLP.vocab, WORDS, pos=["", "", "NOUN"])
    set_soft_labels(doc, {"pos": POS, "morph": MORPH})
    assert [token.pos_ for token in doc] == ["PRON", "AUX", "NOUN"]
    assert [str(token.morph) for token in doc] == ["", "", "VerbForm=Inf"]


@pytest.mark.parametrize("suffix", [".spacy", ".parquet"])
@pytest.mark.parametrize("gold_preproc", [True, False])
def test_files_keep_them(tmp_path, suffix, gold_preproc):
    path = tmp_path / f"silver{suffix}"
    docs = [make_doc(), make_doc(["Rain", "may"], pos=[[("NOUN", 0.8)], []])]
    docs = docs[:1] if suffix == ".parquet" else docs
    if suffix == ".spacy":
        DocBin(docs=docs, store_user_data=True).to_disk(path)
    else:
        save_parquet(path, docs)
    read = list(create_treebank_v1(path, gold_preproc=gold_preproc)(NLP))
    assert [listed(eg.reference) for eg in read] == [listed(doc) for doc in docs]
    assert [[token.pos_ for token in eg.reference] for eg in read] == [[token.pos_ for token in doc] for doc in docs]


def test_parquet_columns_may_be_missing_or_null(tmp_path):
    soft = [None, [[{"label": "VERB", "probability": 0.5}], []], [[]]]
    path = save_parquet(
        tmp_path / "silver.parquet",
        words=[["It", "rains"], ["Rain", "falls"], ["Yes"]],
        spaces=[[True, False], None, [False]],
        pos=[["PRON", None], None, ["INTJ"]],
        tag_soft=soft,
        pos_soft=soft,
    )
    docs = list(read_docs(path, NLP.vocab))
    assert [[token.pos_ for token in doc] for doc in docs] == [["PRON", ""], ["VERB", ""], ["INTJ"]]
    assert [doc.text for doc in docs] == ["It rains", "Rain falls ", "Yes"]
    assert [set(listed(doc)) for doc in docs] == [set(), {"tag", "pos"}, {"tag", "pos"}]
    assert listed(docs[1])["pos"] == [[("VERB", 0.5)], []]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": ["It rains"], "words": None}, "column 'words' was expected beside text"),
        ({"words": [["It", "rains"], []]}, "row 2: a sentence needs words"),
        ({"words": [["It", "rains"]], "pos": [["PRON"]]}, "row 1: 2 words, but 1 'pos'"),
        ({"words": [["It"]], "pos": [["PRONOUN"]]}, "row 1: .*PRONOUN"),
        ({"words": [["It"]], "pos_soft": [[]]}, "row 1: the doc has 1 tokens, but 0 have soft labels of 'pos'"),
        ({"words": [{"It": "PRON"}]}, "row 1: "),
        ({"words": [["It"]], "pos_soft": [[[{"label": "X"}]]]}, "row 1: .*nan"),
        ({"words": [["It"]], "pos_soft": [["PRON"]]}, "row 1: "),
        ({"words": [["It"]], "pos_soft": [[[{"label": "it", "probability": 1.0}]]]}, "row 1: 'it' is not a UPOS tag"),
        (
            {"words": [["It"]] * 2, "pos_soft": [[[{"label": name, "probability": 1.0}]] for name in ("PRON", "it")]},
            "row 2: 'it' is not a UPOS tag",
        ),
        ({"words": [["It"]], "pos_soft": [[[{"label": "X", "probability": 1.2}]]]}, "row 1: .*sum up to more than 1"),
    ],
)
def test_error_names_file_and_row(tmp_path, columns, message):
    path = tmp_path / "silver.parquet"
    write_table(pyarrow.table({name: values for name, values in columns.items() if values is not None}), path)
    with pytest.raises(ValueError, match=f"silver.parquet.*{message}"):
        list(read_docs(path, NLP.vocab))


def test_damaged_parquet_file_is_an_error(tmp_path):
    path = save_parquet(tmp_path / "silver.parquet", words=[["It", "rains"]] * 100)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ValueError, match=r"silver\.parquet"):
        list(read_docs(path, NLP.vocab))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ({"upos": POS}, "tag, pos, morph, not of 'upos'"),
        ({"pos": POS[:2]}, "3 tokens, but 2"),
        ({"pos": [[("PRON", -0.1)], [], []]}, "'It' have the probabilities.*negative"),
        ({"pos": [[], [("AUX", float("nan"))], []]}, "'may' have the probabilities"),
        ({"pos": [[], [], [("VERB", 0.7), ("NOUN", 0.5)]]}, "more than 1"),
        ({"pos": [[("Pronoun", 1.0)], [], []]}, "'Pronoun' is not a UPOS tag"),
    ],
)
def test_wrong_soft_labels_are_an_error(layers, message):
    with pytest.raises(ValueError, match=message):
        make_doc(**layers)


def test_targets_are_distributions():
    targets = soft_targets([example(Doc(NLP.vocab, ["Yes"])), example(make_doc())], LABELS)
    assert targets["pos"].tokens.tolist() == [1, 2, 3]
    # What is left of 1 is shared by the labels that are not named.
    expected = [[0, 0, 1, 0], [0.9, 0.04, 0.03, 0.03], [0, 0.3, 0, 0.7]]
    assert_allclose(targets["pos"].probabilities, expected, atol=1e-6)
    assert targets["morph"].tokens.tolist() == [3]
    assert_allclose(targets["morph"].probabilities, [[0, 0.4, 0.6]], atol=1e-6)


def test_labels_that_the_tagger_lacks_are_left_out():
    targets = soft_targets([example(make_doc())], {"pos": ["AUX", "VERB", "X"]})
    assert targets["pos"].tokens.tolist() == [1, 2]
    assert_allclose(targets["pos"].probabilities, [[0.9, 0.05, 0.05], [0.15, 0.7, 0.15]], atol=1e-6)


def test_other_tokens_have_those_that_they_are_aligned_with():
    doc = make_doc(["can", "not", "rain"], pos=[[("AUX", 1.0)], [("VERB", 1.0)], [("NOUN", 1.0)]])
    targets = soft_targets([example(doc, ["cannot", "rain"])], LABELS)
    assert targets["pos"].tokens.tolist() == [1]
    assert_allclose(targets["pos"].probabilities, [[0, 1, 0, 0]], atol=1e-6)


def test_part_of_a_doc_keeps_its_own():
    assert listed(cut_out(make_doc()[1:])) == {"pos": POS[1:], "morph": MORPH[1:]}


def test_loss_equals_torch():
    rng = numpy.random.default_rng(0)
    logits = rng.normal(size=(4, 5)).astype("float32")
    probabilities = rng.dirichlet(numpy.ones(5), size=2).astype("float32")
    soft = SoftTargets(numpy.array([0, 2]), probabilities)
    # Of the others, one has a label, and one has none.
    loss, gradient = negative_log_likelihood(logits, numpy.array([3, 1, 4, -1]), soft=soft)
    leaf = torch.tensor(logits, requires_grad=True)
    targets = torch.zeros(3, 5)
    targets[:2] = torch.tensor(probabilities)
    targets[2, 1] = 1.0
    expected = torch.nn.functional.cross_entropy(leaf[[0, 2, 1]], targets)
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    assert_allclose(gradient, leaf.grad.numpy(), atol=1e-6)


def test_tagger_learns_them():
    """A tagger that is trained on one sentence gives its labels the teacher's probabilities."""
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("lstm_tagger", config={"label_smoothing": 0.0})
    examples = [example(make_doc()), example(make_doc(["Rain", "may"], pos=[[("NOUN", 1.0)], [("AUX", 1.0)]]))]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    probabilities = tagger.predict_proba([examples[0].predicted])[0]["pos"]
    at = {name: probabilities[:, i] for i, name in enumerate(tagger.pos_labels)}
    assert at["VERB"][2] == pytest.approx(0.7, abs=0.1) and at["NOUN"][2] == pytest.approx(0.3, abs=0.1)


def test_top_k_of_one_tagger_teaches_another(trained_path: Path):
    teacher = spacy.load(trained_path).get_pipe("lstm_tagger")
    doc = Doc(teacher.vocab, ["The", "dog", "reads", "."])
    (labels,) = teacher.top_k([doc], k=3)
    set_soft_labels(doc, labels)
    assert set(listed(doc)) == set(labels)
    assert [token.tag_ for token in doc] == [of_token[0][0] for of_token in labels["tag"]]
