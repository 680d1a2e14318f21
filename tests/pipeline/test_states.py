"""The LSTM's hidden states, which other components listen to."""

from pathlib import Path
from typing import Any, Dict, List

import numpy
import pytest
import spacy
import torch
from numpy.testing import assert_allclose, assert_array_equal
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_lstm_tagger.model.features import states_width
from spacy_lstm_tagger.model.shim import get_network, get_shim
from spacy_lstm_tagger.ragged import split

from ..conftest import SENTENCES, SMALL_MODEL, TEXTS, make_pipeline, train

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
    train(nlp, examples, nlp.resume_training(), 40, annotates=["lstm_tagger"], exclude=["lstm_tagger"])
    assert nlp.evaluate(examples)["dep_las"] > 0.9
    assert tagger.to_bytes() == before
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    words = [token.dep_ for token in nlp("The dog ate the apples .")]
    assert [token.dep_ for token in loaded("The dog ate the apples .")] == words
    assert_array_equal(loaded("Run").tensor, nlp("Run").tensor)


def make_joint(width: int = 32, **config: Any) -> Language:
    """A tagger and a parser that listens to it, to be trained together."""
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config={"model": SMALL_MODEL, **config})
    nlp.add_pipe("parser", config=parser_config(width))
    nlp.initialize(lambda: parsed(nlp))
    return nlp


def parsed(nlp: Language) -> List[Example]:
    return [
        Example.from_dict(Doc(nlp.vocab, sentence["words"]), {**sentence, "heads": heads, "deps": deps})
        for sentence, heads, deps in zip(SENTENCES, HEADS, DEPS)
    ]


def weights_of(nlp: Language) -> Dict[str, Any]:
    return {name: value.clone() for name, value in get_network(nlp.get_pipe("lstm_tagger").model).state_dict().items()}


def test_both_learn_together(tmp_path: Path) -> None:
    nlp = make_joint()
    train(nlp, parsed(nlp), nlp.create_optimizer(), 60)
    scores = nlp.evaluate(parsed(nlp))
    assert scores["dep_las"] > 0.9 and scores["tag_acc"] == 1.0
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert loaded.evaluate(parsed(loaded))["dep_las"] == scores["dep_las"]
    assert_array_equal(loaded("Run").tensor, nlp("Run").tensor)


def test_the_parser_alone_trains_the_lstm() -> None:
    """With examples that have no tags, all gradients are the parser's."""
    nlp = make_joint()
    before = weights_of(nlp)
    examples = [
        Example.from_dict(Doc(nlp.vocab, eg.x.text.split()), {"heads": heads, "deps": deps})
        for eg, heads, deps in zip(parsed(nlp), HEADS, DEPS)
    ]
    nlp.update(examples, sgd=nlp.create_optimizer())
    changed = {name for name, value in weights_of(nlp).items() if not value.equal(before[name])}
    assert any("layers.1.rightwards" in name for name in changed) and "encoder.word.weight" in changed


def test_the_gradient_is_that_of_the_states() -> None:
    """Against finite differences, through all that is below the states."""
    nlp = make_joint(model={**SMALL_MODEL, "mixed_precision": False})
    model = nlp.get_pipe("lstm_tagger").model
    docs = [eg.predicted for eg in parsed(nlp)]
    weight = get_network(model).encoder.word.weight
    scores, update = model.begin_update(docs)
    direction = numpy.random.default_rng(0).normal(size=update.states.shape).astype("float32")
    update([numpy.zeros_like(rows) for rows in scores], split(direction, map(len, docs)))
    change = torch.from_numpy(numpy.random.default_rng(1).normal(size=tuple(weight.shape)).astype("float32"))
    expected = float((weight.grad * change).sum())
    ends = []
    for step in (0.01, -0.02):
        weight.data += step * change
        ends.append(float((model.begin_update(docs)[1].states * direction).sum(dtype="float64")))
    assert (ends[0] - ends[1]) / 0.02 == pytest.approx(expected, rel=0.02)


def test_a_step_waits_for_the_gradients_of_all_listeners() -> None:
    nlp = make_joint()
    tagger, optimizer = nlp.get_pipe("lstm_tagger"), nlp.create_optimizer()
    before = weights_of(nlp)
    tagger.update(parsed(nlp), sgd=optimizer)
    assert all(value.equal(before[name]) for name, value in weights_of(nlp).items())
    nlp.get_pipe("parser").update(parsed(nlp))
    assert not all(value.equal(before[name]) for name, value in weights_of(nlp).items())


def test_learns_although_a_listener_is_not_trained() -> None:
    """Its own gradient is taken with the next batch then."""
    nlp = make_joint()
    train(nlp, parsed(nlp), nlp.create_optimizer(), 60, exclude=["parser"])
    assert nlp.evaluate(parsed(nlp))["tag_acc"] == 1.0


def test_two_components_can_listen() -> None:
    nlp = make_joint()
    config = parser_config(32)["model"]
    nlp.add_pipe("ner", config={"model": {**config, "state_type": "ner"}})
    assert nlp.get_pipe("lstm_tagger").listening_components == ["parser", "ner"]
    nlp.remove_pipe("ner")
    assert nlp.get_pipe("lstm_tagger").listening_components == ["parser"]


def test_listeners_to_any_encoder_are_not_the_taggers() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config={"model": SMALL_MODEL})
    config = parser_config(32)
    config["model"]["tok2vec"]["upstream"] = "*"
    nlp.add_pipe("parser", config=config)
    assert nlp.get_pipe("lstm_tagger").listeners == []


def test_another_width_is_an_error_that_says_which() -> None:
    nlp = make_joint(width=7)
    with pytest.raises(ValueError, match=r"width 32, but 'parser' expects 7. Set width = 32"):
        nlp.update(parsed(nlp), sgd=nlp.create_optimizer())
    with pytest.raises(ValueError, match="Set width = 32"):
        nlp("The dog")


def test_the_lstm_is_not_copied_into_listeners() -> None:
    nlp = make_joint()
    with pytest.raises(ValueError, match="cannot be copied into the components that listen to it"):
        nlp.replace_listeners("lstm_tagger", "parser", ["model.tok2vec"])
