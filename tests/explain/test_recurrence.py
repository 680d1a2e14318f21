"""The recurrence against the network's own layers, and against the formulas of a textbook."""

from itertools import product

import pytest
import torch
from torch import nn

from spacy_lstm_tagger.explain.recurrence import QUANTITIES, score_labels, step_through, trace_sentence, trace_spelling

from ..network.test_lstm_tagger import CONVOLUTIONAL, RICH, TEXTBOOK, make, make_types

CONFIGURATIONS = [TEXTBOOK, RICH, *CONVOLUTIONAL] + [
    {**RICH, "depth": depth, "bidirectional": both, "n_characters": characters, "n_members": members, "skip": skip}
    for depth, both, characters, members, skip in product((1, 2, 3), (False, True), (0, 11), (1, 2), (False, True))
]
LENGTHS = [1, 7]


@pytest.mark.parametrize("sizes", CONFIGURATIONS)
def test_logits_are_those_of_the_network(sizes):
    network, types = make(sizes), make_types(sizes)
    for length in LENGTHS:
        tokens = torch.arange(length)
        with torch.no_grad():
            trace = trace_sentence(network, network.encoder(types)[tokens])
            scored = torch.cat(score_labels(network, trace.features), dim=1)
            logits = network(types, tokens, torch.tensor([length])).mean(1)
        torch.testing.assert_close(scored, logits, rtol=0, atol=1e-5)
        assert trace.states.shape == (
            *(sizes["n_members"], sizes["depth"], 1 + sizes["bidirectional"]),
            *(len(QUANTITIES), length, sizes["hidden_width"]),
        )


@pytest.mark.parametrize("sizes", CONFIGURATIONS)
def test_hidden_states_are_those_of_each_layer(sizes):
    network, types = make(sizes), make_types(sizes)
    outputs = []
    lstms = [lstm for member in network.members for layer in member.layers for lstm in layer.directions]
    for lstm in lstms:
        lstm.register_forward_hook(lambda lstm, inputs, output: outputs.append(output[0][:, 0]))
    with torch.no_grad():
        network(types, torch.arange(7), torch.tensor([7]))
        states = trace_sentence(network, network.encoder(types)[:7]).states
    hidden = states[:, :, :, QUANTITIES.index("hidden")].flatten(0, 2)
    for i, output in enumerate(outputs):
        reads_leftwards = sizes["bidirectional"] and i % 2
        torch.testing.assert_close(hidden[i], output.flip(0) if reads_leftwards else output, rtol=0, atol=1e-5)


@pytest.mark.parametrize("sizes", [TEXTBOOK, RICH])
def test_sentences_of_a_batch_are_read_as_alone(sizes):
    network, types = make(sizes), make_types(sizes)
    with torch.no_grad():
        sentences = network.encoder(types)[torch.randint(0, len(types.words), (4, 3))]
        states, features = trace_sentence(network, sentences)
        for i in range(3):
            alone = trace_sentence(network, sentences[:, i])
            torch.testing.assert_close(states[..., i, :], alone.states)
            torch.testing.assert_close(features[:, :, i], alone.features)


def test_states_follow_from_gates():
    lstm = nn.LSTM(3, 5)
    with torch.no_grad():
        forget, write, candidate, cell, output, hidden = step_through(lstm, torch.randn(9, 3))
    before = torch.cat([torch.zeros(1, 5), cell[:-1]])
    torch.testing.assert_close(cell, forget * before + write * candidate)
    torch.testing.assert_close(hidden, output * cell.tanh())
    assert all(((gate > 0) & (gate < 1)).all() for gate in (forget, write, output))


def test_characters_end_in_what_the_encoder_makes_of_them():
    network, types = make(RICH), make_types(RICH)
    encoder = network.encoder.characters
    with torch.no_grad():
        vectors = encoder(types.characters)
        for spelling, vector in zip(types.characters, vectors):
            states = trace_spelling(encoder, spelling[spelling > 0])
            rightwards, leftwards = states[:, QUANTITIES.index("hidden")]
            torch.testing.assert_close(torch.cat([rightwards[-1], leftwards[0]]), vector, rtol=0, atol=1e-5)
