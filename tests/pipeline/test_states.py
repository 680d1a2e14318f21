"""The LSTM's hidden states, which other components listen to."""

from pathlib import Path
from typing import Any, Dict

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose, assert_array_equal
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_lstm_tagger.model.features import states_width

from ..conftest import SENTENCES, SMALL_MODEL, TEXTS, make_pipeline

HEADS = [[1, 2, 2, 4, 2, 2], [1, 1, 1], [0, 0], [0]]
DEPS = [["det", "nsubj", "ROOT", "det", "dobj", "punct"], ["nsubj", "ROOT", "dobj"], ["ROOT", "punct"], ["ROOT"]]


def parser_config(width: int) -> Dict[str, Any]:
    return {
        "min_action_freq": 1,
        "model": {
            "@architectures": "spacy.TransitionBasedParser.v2",
            "state_type": "parser",
            "extra_state_tokens": False,
            "hidden_width": 16,
            "maxout_pieces": 2,
            "use_upper": True,
            "tok2vec": {"@architectures": "spacy.Tok2VecListener.v1", "width": width, "upstream": "lstm_tagger"},
        },
    }


@pytest.fixture
def nlp() -> Language:
    return make_pipeline(steps=20, store_states=True)


def test_each_word_has_its_states(nlp: Language) -> None:
    width = states_width(nlp.get_pipe("lstm_tagger").model)
    assert width == 2 * 2 * SMALL_MODEL["hidden_width"]
    for text, doc in zip(TEXTS, nlp.pipe(TEXTS)):
        assert doc.tensor.shape == (len(doc), width) and doc.tensor.dtype == "float32"
        assert [bool(row.any()) for row in doc.tensor] == [not token.is_space for token in doc]
        assert_allclose(doc.tensor, nlp(text).tensor, atol=1e-2)


def test_states_are_those_that_the_heads_read(nlp: Language) -> None:
    """Without the word's own vector and without a convolution, the logits are a linear map of them."""
    nlp = make_pipeline(
        steps=20, store_states=True, model={**SMALL_MODEL, "skip": False, "convolution_width": 0, "n_members": 1}
    )
    tagger = nlp.get_pipe("lstm_tagger")
    doc = nlp("The dog ate the apples .")
    (logits,) = tagger.model.predict([doc])
    from spacy_lstm_tagger.model.shim import get_shim

    (member,) = get_shim(tagger.model).as_stored().members
    weights, biases = (
        numpy.concatenate([getattr(head, name).detach().numpy() for head in member.heads.values()])
        for name in ("weight", "bias")
    )
    assert_allclose(doc.tensor @ weights.T + biases, logits, atol=2e-2)


def test_labels_do_not_depend_on_the_option(nlp: Language) -> None:
    labels = [[token.tag_ for token in doc] for doc in nlp.pipe(TEXTS)]
    tagger = nlp.get_pipe("lstm_tagger")
    tagger.cfg["store_states"] = False
    assert [[token.tag_ for token in doc] for doc in nlp.pipe(TEXTS)] == labels
    assert not nlp("Run").tensor.size


def test_a_parser_learns_from_them(nlp: Language, tmp_path: Path) -> None:
    tagger = nlp.get_pipe("lstm_tagger")
    nlp.add_pipe("parser", config=parser_config(states_width(tagger.model)))
    examples = [
        Example.from_dict(Doc(nlp.vocab, sentence["words"]), {"words": sentence["words"], "heads": heads, "deps": deps})
        for sentence, heads, deps in zip(SENTENCES, HEADS, DEPS)
    ]
    before = tagger.to_bytes()
    with nlp.select_pipes(disable=["lstm_tagger"]):
        nlp.initialize(lambda: examples)
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    for _ in range(40):
        nlp.update(examples, sgd=optimizer, annotates=["lstm_tagger"], exclude=["lstm_tagger"])
    assert nlp.evaluate(examples)["dep_las"] > 0.9
    assert tagger.to_bytes() == before
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    words = [token.dep_ for token in nlp("The dog ate the apples .")]
    assert [token.dep_ for token in loaded("The dog ate the apples .")] == words
    assert_array_equal(loaded("Run").tensor, nlp("Run").tensor)
