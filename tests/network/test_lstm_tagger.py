"""The network against a slow, obvious implementation with plain loops, in NumPy."""

from itertools import product

import numpy
import pytest
import torch

from spacy_lstm_tagger.network.hardware import computes_bfloat16
from spacy_lstm_tagger.network.lstm_layer import Sentences, drop
from spacy_lstm_tagger.network.lstm_tagger import LSTMTagger, compose, fold
from spacy_lstm_tagger.network.sizes import NetworkSizes
from spacy_lstm_tagger.network.word_encoder import WordTypes

TEXTBOOK = {
    "n_words": 9,
    "n_affixes": [],
    "n_characters": 0,
    "n_labels": {"tag": 3},
    "word_width": 6,
    "affix_width": 0,
    "character_width": 0,
    "vector_width": 0,
    "tune_vectors": False,
    "mix_width": 0,
    "hidden_width": 6,
    "depth": 1,
    "bidirectional": False,
    "skip": False,
    "n_members": 1,
}
RICH = {
    "n_words": 20,
    "n_affixes": [5, 7],
    "n_characters": 11,
    "n_labels": {"tag": 4, "pos": 3, "morph": 6},
    "word_width": 5,
    "affix_width": 3,
    "character_width": 4,
    "vector_width": 2,
    "tune_vectors": False,
    "mix_width": 8,
    "hidden_width": 4,
    "depth": 2,
    "bidirectional": True,
    "skip": True,
    "n_members": 2,
}
CONVOLUTIONAL = [
    {**RICH, "depth": depth, "bidirectional": both, "skip": skip, "n_members": members, "convolution_width": 3}
    for depth, both, skip, members in product((1, 2), (False, True), (False, True), (1, 2))
]
OPTIONS = [TEXTBOOK, RICH, *CONVOLUTIONAL] + [
    {**RICH, "depth": depth, "bidirectional": both, "skip": skip, "n_characters": characters, "n_members": depth}
    for depth, both, skip, characters in product((1, 3), (False, True), (False, True), (0, 11))
]
LENGTHS = [3, 1, 5, 2]


def make(sizes):
    torch.manual_seed(0)
    return LSTMTagger(NetworkSizes(**sizes))


def make_types(sizes, n_types=10):
    torch.manual_seed(1)
    characters = torch.randint(1, max(2, sizes["n_characters"]), (n_types, 6))
    for i in range(n_types):
        characters[i, 1 + i % 6 :] = 0
    affixes = [torch.randint(0, n, (n_types,)) for n in sizes["n_affixes"]]
    return WordTypes(
        words=torch.randint(0, sizes["n_words"], (n_types,)),
        affixes=torch.stack(affixes, dim=1) if affixes else torch.zeros((n_types, 0), dtype=torch.int64),
        characters=characters,
        vectors=torch.randn(n_types, sizes["vector_width"]) if sizes["vector_width"] else None,
    )


def sigmoid(x):
    return 1 / (1 + numpy.exp(-x))


class Reference:
    """The network in NumPy: one word type, one token, one direction and one step at a time."""

    def __init__(self, network):
        self.sizes = network.sizes
        self.weights = {name: tensor.double().numpy() for name, tensor in network.state_dict().items()}

    def embed(self, types, row):
        w = self.weights
        parts = [w["encoder.word.weight"][types.words[row]]]
        for i in range(len(self.sizes.n_affixes)):
            parts.append(w[f"encoder.affixes.{i}.weight"][types.affixes[row, i]])
        if self.sizes.n_characters:
            parts.append(self.spell([c for c in types.characters[row].tolist() if c]))
        if types.vectors is not None:
            parts.append(types.vectors[row].double().numpy())
        return numpy.concatenate(parts)

    def mix(self, x, member):
        if not self.sizes.mix_width:
            return x
        w = {
            name: self.weights[f"encoder.mixes.{member}.{name}"]
            for name in ("0.weight", "0.bias", "2.weight", "2.bias")
        }
        x = w["0.weight"] @ x + w["0.bias"]
        x = numpy.asarray([0.5 * v * (1 + torch.erf(torch.tensor(v / 2**0.5)).item()) for v in x])
        x = (x - x.mean()) / numpy.sqrt(x.var() + 1e-5)
        return x * w["2.weight"] + w["2.bias"]

    def spell(self, characters):
        embedded = [self.weights["encoder.characters.embedding.weight"][c] for c in characters]
        from_left = self.read("encoder.characters.rightwards", embedded)
        from_right = self.read("encoder.characters.leftwards", embedded[::-1])
        return numpy.concatenate([from_left[-1], from_right[-1]])

    def read(self, prefix, inputs):
        w = self.weights
        hidden = cell = numpy.zeros(w[f"{prefix}.weight_hh_l0"].shape[1])
        states = []
        for x in inputs:
            gates = w[f"{prefix}.weight_ih_l0"] @ x + w[f"{prefix}.bias_ih_l0"]
            gates += w[f"{prefix}.weight_hh_l0"] @ hidden + w[f"{prefix}.bias_hh_l0"]
            i, f, g, o = numpy.split(gates, 4)
            cell = sigmoid(f) * cell + sigmoid(i) * numpy.tanh(g)
            hidden = sigmoid(o) * numpy.tanh(cell)
            states.append(hidden)
        return states

    def tag(self, types, sentence):
        """Logits of each member. *Shape:* ``(n_tokens, n_members, n_labels)``"""
        embedded = [self.embed(types, row) for row in sentence]
        members = range(self.sizes.n_members)
        return numpy.stack([self.tag_as(i, [self.mix(x, i) for x in embedded]) for i in members], axis=1)

    def tag_as(self, member, words):
        w = {name.removeprefix(f"members.{member}."): weights for name, weights in self.weights.items()}
        convolved = [()] * len(words)
        if self.sizes.convolution_width:
            beyond = numpy.zeros_like(words[0])
            near = zip([beyond, *words], words, [*words[1:], beyond])
            convolved = [w["convolution.weight"] @ numpy.concatenate(three) + w["convolution.bias"] for three in near]
            convolved = [x.clip(min=0) for x in convolved]
        layer_input = words
        for n in range(self.sizes.depth):
            states = self.read(f"members.{member}.layers.{n}.rightwards", layer_input)
            if self.sizes.bidirectional:
                backwards = self.read(f"members.{member}.layers.{n}.leftwards", layer_input[::-1])[::-1]
                states = [numpy.concatenate(pair) for pair in zip(states, backwards)]
            if self.sizes.skip and len(states[0]) == len(layer_input[0]):
                states = [state + x for state, x in zip(states, layer_input)]
            layer_input = states
        logits = []
        for state, word, near in zip(layer_input, words, convolved):
            x = numpy.concatenate([state, word, near] if self.sizes.skip else [state, near])
            logits.append(
                numpy.concatenate([w[f"heads.{n}.weight"] @ x + w[f"heads.{n}.bias"] for n in self.sizes.n_labels])
            )
        return numpy.stack(logits)


@pytest.mark.parametrize("sizes", OPTIONS)
def test_equals_reference(sizes):
    network, types = make(sizes), make_types(sizes)
    tokens = torch.randint(0, 10, (sum(LENGTHS),))
    with torch.no_grad():
        logits = network(types, tokens, torch.tensor(LENGTHS)).numpy()
    reference = Reference(network)
    expected = numpy.concatenate([reference.tag(types, sentence) for sentence in tokens.split(LENGTHS)])
    numpy.testing.assert_allclose(logits, expected, atol=1e-5)


@pytest.mark.parametrize("sizes", OPTIONS)
def test_batched_equals_alone(sizes):
    network, types = make(sizes), make_types(sizes)
    tokens = torch.randint(0, 10, (sum(LENGTHS),))
    with torch.no_grad():
        together = network(types, tokens, torch.tensor(LENGTHS))
        alone = [network(types, sentence, torch.tensor([len(sentence)])) for sentence in tokens.split(LENGTHS)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-6)


def test_stepping_one_word_at_a_time_equals_whole_sequence():
    lstm = make(TEXTBOOK).members[0].layers[0].rightwards
    words = torch.randn(5, 6)
    with torch.no_grad():
        whole, (last_hidden, last_cell) = lstm(words)
        state, steps = None, []
        for word in words:
            step, state = lstm(word.unsqueeze(0), state)
            steps.append(step)
    torch.testing.assert_close(torch.cat(steps), whole)
    torch.testing.assert_close(state, (last_hidden, last_cell))


def test_each_sentence_starts_from_a_fresh_state():
    network, types = make(TEXTBOOK), make_types(TEXTBOOK)
    with torch.no_grad():
        twice = network(types, torch.tensor([1, 2, 3, 1, 2, 3]), torch.tensor([3, 3]))
    torch.testing.assert_close(twice[:3], twice[3:])


def test_options_off_is_the_textbook_network():
    shapes = {name: tuple(weights.shape) for name, weights in make(TEXTBOOK).state_dict().items()}
    assert shapes == {
        "encoder.word.weight": (9, 6),
        "members.0.layers.0.rightwards.weight_ih_l0": (24, 6),
        "members.0.layers.0.rightwards.weight_hh_l0": (24, 6),
        "members.0.layers.0.rightwards.bias_ih_l0": (24,),
        "members.0.layers.0.rightwards.bias_hh_l0": (24,),
        "members.0.heads.tag.weight": (3, 6),
        "members.0.heads.tag.bias": (3,),
    }


@pytest.mark.parametrize("kind", ["dropout", "embedding_dropout"])
def test_dropout_changes_scores_only_when_asked_for(kind):
    network, types = make(RICH), make_types(RICH)
    tokens, lengths = torch.arange(10), torch.tensor([4, 6])
    with torch.no_grad():
        plain = network(types, tokens, lengths)
        assert torch.equal(network(types, tokens, lengths), plain)
        assert not torch.equal(network(types, tokens, lengths, **{kind: 0.5}), plain)


def test_samples_are_readings_of_each_member_with_other_dropout():
    network, types = make(RICH), make_types(RICH)
    tokens, lengths = torch.arange(10), torch.tensor([4, 6])
    with torch.no_grad():
        plain = network(types, tokens, lengths)
        torch.testing.assert_close(network(types, tokens, lengths, n_samples=3), plain.repeat(1, 3, 1))
        one, other = network(types, tokens, lengths, dropout=0.5, n_samples=2).chunk(2, dim=1)
    assert not torch.equal(one[:, 0], other[:, 0])


def test_dropout_takes_the_same_units_in_all_of_a_sentence():
    torch.manual_seed(0)
    dropped = drop(torch.ones(6, 100), 0.5, torch.tensor([0, 0, 0, 0, 1, 1]))
    assert set(dropped.flatten().tolist()) == {0.0, 2.0}
    assert torch.equal(dropped[:4], dropped[:1].expand(4, 100)) and torch.equal(dropped[4], dropped[5])
    assert not torch.equal(dropped[0], dropped[4])


def test_words_encoded_by_length_have_the_vectors_that_they_have_together(monkeypatch):
    monkeypatch.setattr("spacy_lstm_tagger.network.word_encoder.WORDS_PER_PART", 3)
    network, types = make(RICH), make_types(RICH)
    with torch.no_grad():
        torch.testing.assert_close(network.encoder.encode_by_length(types, 0.0), network.encoder(types))


@pytest.mark.skipif(not computes_bfloat16(torch.device("cpu")), reason="The processor has no bfloat16.")
@pytest.mark.parametrize("sizes", [TEXTBOOK, RICH])
def test_bfloat16_is_near_float32(sizes):
    network, types = make(sizes), make_types(sizes)
    tokens, lengths = torch.arange(10), torch.tensor([4, 6])
    with torch.no_grad():
        scores = network(types, tokens, lengths, precision=torch.bfloat16)
        exact = network(types, tokens, lengths)
    assert scores.dtype == torch.float32 and not torch.equal(scores, exact)
    torch.testing.assert_close(scores, exact, rtol=0, atol=0.01)


@pytest.mark.parametrize("lengths", [[1], [4], [1, 1], [3, 1, 5, 2]])
def test_layout_brings_every_token_to_its_cell_and_back(lengths):
    sentences = Sentences.from_lengths(torch.tensor(lengths))
    starts = numpy.cumsum(lengths) - lengths
    for column, (start, length) in enumerate(zip(starts, lengths)):
        tokens = list(range(start, start + length))
        assert sentences.rightwards[:length, column].tolist() == tokens
        assert sentences.leftwards[:length, column].tolist() == tokens[::-1]
    everything = torch.arange(sum(lengths))
    assert torch.equal(sentences.rightwards.flatten()[sentences.rightwards_cells], everything)
    assert torch.equal(sentences.leftwards.flatten()[sentences.leftwards_cells], everything)


PARTS = {"morph": [[0], [0, 1], [1, 2], [], [2, 0], [3]]}


def make_composed(sizes):
    network = make(sizes)
    compose(network, PARTS)
    for member in network.members:
        torch.nn.init.normal_(member.heads["morph"].own)
    return network


def test_composed_weights_are_the_sum_of_own_and_parts():
    head = make_composed(RICH).members[0].heads["morph"]
    own, parts = head.own, head.parts
    assert parts.shape == (4, own.shape[1])
    expected = [own[label] + sum(parts[part] for part in of_label) for label, of_label in enumerate(PARTS["morph"])]
    torch.testing.assert_close(head.weight, torch.stack(expected))


def test_folded_network_scores_the_same_and_has_the_weights_of_a_plain_one():
    network = make_composed(RICH)
    folded = fold(network)
    plain = make(RICH)
    plain.load_state_dict(folded.state_dict())
    arguments = make_types(RICH), torch.arange(10), torch.tensor([4, 6])
    for other in (folded, plain):
        torch.testing.assert_close(other(*arguments), network(*arguments), rtol=0, atol=0)
    assert fold(plain).state_dict().keys() == plain.state_dict().keys()


def test_labels_with_a_common_part_learn_together():
    network = make_composed(RICH)
    head = network.members[0].heads["morph"]
    before = head.weight.detach().clone()
    head.weight[0].sum().backward()
    with torch.no_grad():
        for parameter in head.parameters():
            if parameter.grad is not None:
                parameter.add_(parameter.grad)
    changed = (head.weight - before).abs().sum(dim=1) > 0
    assert changed.tolist() == [True, True, False, False, True, False]
