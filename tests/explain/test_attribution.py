"""Integrated gradients: complete, and the same as a plain sum over many points."""

from itertools import product

import numpy
import pytest
import torch

from spacy_lstm_tagger.explain import attribution
from spacy_lstm_tagger.explain.attribution import TOLERANCE, attribute, average_word, find_unit_effects
from spacy_lstm_tagger.explain.recurrence import score_labels, trace_sentence
from spacy_lstm_tagger.network.lstm_layer import Sentences

from ..network.test_lstm_tagger import RICH, TEXTBOOK, make, make_types

VARIANTS = [
    TEXTBOOK,
    RICH,
    {**RICH, "convolution_width": 3},
    {**RICH, "tune_vectors": True},
    {**RICH, "n_characters": 0, "vector_width": 0},
    {**RICH, "mix_width": 0, "n_members": 1, "bidirectional": False},
]


def ignore(share):
    """Show no progress."""


def explain(sizes, n_words=6):
    network, types = make(sizes), make_types(sizes, n_words)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.7)  # weights as of a trained network: gates open and close
        average = average_word(network.encoder, make_types(sizes, 50), numpy.ones(50))
    network.requires_grad_(False)
    torch.manual_seed(2)
    labels = torch.stack([torch.randint(0, n, (n_words,)) for n in sizes["n_labels"].values()], 1)
    return network, types, labels, average


def score(network, sentences, labels):
    """The labels' log-probabilities, by the network's own layers. Shape (n_heads, n_sentences, n_words)."""
    n_sentences, n_words, _ = sentences.shape
    members = sentences.flatten(0, 1).chunk(len(network.members), 1)
    layout = Sentences.from_lengths(torch.full((n_sentences,), n_words))
    logits = sum(m(part, layout, 0.0, torch.float32)[0] for m, part in zip(network.members, members)) / len(members)
    heads = logits.unflatten(0, (n_sentences, n_words)).split(list(network.sizes.n_labels.values()), 2)
    words = torch.arange(n_words)
    return torch.stack([head.log_softmax(2)[:, words, labels[:, i]] for i, head in enumerate(heads)])


@pytest.mark.parametrize("sizes", VARIANTS)
def test_words_add_up_to_the_difference(sizes):
    network, types, labels, average = explain(sizes)
    found = attribute(network, types, labels, average, ignore)
    real = network.encoder(types)
    before, after = score(network, torch.stack([average.expand_as(real), real]), labels).unbind(1)
    torch.testing.assert_close(found.difference, after - before, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.words.sum(2), after - before, rtol=TOLERANCE, atol=TOLERANCE / 10)


@pytest.mark.parametrize("sizes", VARIANTS)
def test_words_are_what_a_plain_sum_over_many_points_gives(sizes):
    network, types, labels, average = explain(sizes)
    found = attribute(network, types, labels, average, ignore)
    real = network.encoder(types)
    change = real - average
    # shape: (n_points, n_words, width)
    points = ((torch.arange(400) + 0.5) / 400).view(-1, 1, 1)
    path = (average + points * change).requires_grad_()
    # shape: (n_heads, n_words)
    averages = score(network, path, labels).mean(1)
    expected = torch.zeros_like(found.words)
    for head, word in product(*map(range, averages.shape)):
        (gradients,) = torch.autograd.grad(averages[head, word], path, retain_graph=True)
        expected[head, word] = (gradients.sum(0) * change).sum(1)
    torch.testing.assert_close(found.words, expected, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("sizes", VARIANTS)
def test_parts_add_up_to_the_word_and_characters_to_their_part(sizes):
    network, types, labels, average = explain(sizes)
    found = attribute(network, types, labels, average, ignore)
    own = found.words.diagonal(dim1=1, dim2=2)
    torch.testing.assert_close(found.parts.sum(2), own, rtol=0.01, atol=0.01)
    n_heads, n_parts = len(sizes["n_labels"]), 2 + len(sizes["n_affixes"])
    assert found.parts.shape == (n_heads, 6, n_parts + bool(sizes["n_characters"]) + bool(sizes["vector_width"]))
    if sizes["n_characters"]:
        torch.testing.assert_close(found.characters.sum(2), found.parts[:, :, n_parts])
        assert not found.characters[:, types.characters == 0].any()
    else:
        assert found.characters.shape == (n_heads, 6, 0)


@pytest.mark.parametrize("sizes", VARIANTS)
def test_unit_adds_what_is_missing_without_it(sizes):
    network, types, labels, _ = explain(sizes)
    effects = find_unit_effects(network, types, labels)
    features = trace_sentence(network, network.encoder(types)).features
    hidden_width = sizes["hidden_width"]
    for member, direction, word, unit in [(0, 0, 0, 1), (effects.shape[1] - 1, effects.shape[2] - 1, 4, 2)]:
        column = direction * hidden_width + unit
        hidden = trace_sentence(network, network.encoder(types)).states[member, -1, direction, -1, word, unit]
        without = features.clone()
        without[member, word, column] -= hidden
        pairs = zip(score_labels(network, features), score_labels(network, without), labels[word].tolist())
        for head, (all_logits, rest_logits, label) in enumerate(pairs):
            others = [other for other in range(all_logits.shape[1]) if other != label]
            rival = max(others, key=lambda other, row=all_logits[word]: row[other])
            lost = (all_logits - rest_logits)[word]
            torch.testing.assert_close(effects[head, member, direction, word, unit], lost[label] - lost[rival])


@pytest.mark.parametrize("sizes", VARIANTS)
def test_average_of_one_word_is_that_word(sizes):
    network, types, *_ = explain(sizes)
    weights = numpy.asarray([0, 0, 3, 0, 0, 0])
    average = average_word(network.encoder, types, weights)
    torch.testing.assert_close(average, network.encoder(types)[2])


def test_average_word_is_made_of_averages():
    sizes = {**RICH, "n_characters": 0, "vector_width": 0}
    network, types, *_ = explain(sizes)
    weights = numpy.asarray([5, 1, 1, 1, 0, 2])
    embeddings = [table(rows) for table, rows in zip(network.encoder.affixes, types.affixes.unbind(1))]
    embeddings = torch.cat([network.encoder.word(types.words), *embeddings], dim=1)
    expected = [mix(torch.tensor(weights / 10).float() @ embeddings) for mix in network.encoder.mixes]
    torch.testing.assert_close(average_word(network.encoder, types, weights), torch.cat(expected))


def test_word_that_is_the_average_adds_nothing():
    network, types, labels, _ = explain(RICH)
    average = network.encoder(types)[3]
    assert not attribute(network, types, labels, average, ignore).words[:, :, 3].any()


def test_sums_are_right_where_a_gate_opens_within_a_hundredth_of_the_path():
    network, types, labels, average = explain(RICH)
    with torch.no_grad():
        for mix in network.encoder.mixes:
            mix[2].weight *= 200
    average = average_word(network.encoder, make_types(RICH, 50), numpy.ones(50))
    found = attribute(network, types, labels, average, ignore)
    torch.testing.assert_close(found.words.sum(2), found.difference, rtol=TOLERANCE, atol=TOLERANCE / 10)


def test_parts_of_the_path_are_halved_for_labels_whose_sums_are_off(monkeypatch):
    network, types, labels, average = explain(RICH)
    taken = []

    def average_over_part(*arguments):
        *_, wanted = arguments
        taken.append(len(wanted))
        return original(*arguments)

    original = attribution._average_over_part
    monkeypatch.setattr(attribution, "_average_over_part", average_over_part)
    monkeypatch.setattr(attribution, "N_POINTS", 1)
    found = attribute(network, types, labels, average, ignore)
    assert taken[0] == labels.numel() and 0 < min(taken) < labels.numel()
    torch.testing.assert_close(found.words.sum(2), found.difference, rtol=TOLERANCE, atol=TOLERANCE / 10)


def test_network_is_left_as_it_was():
    network, types, labels, average = explain(RICH)
    before = network.encoder(types)
    attribute(network, types, labels, average, ignore)
    assert torch.equal(network.encoder(types), before)
    assert not any(module._forward_hooks for module in network.modules())
