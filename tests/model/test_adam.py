import copy
import sys

import numpy
import pytest
import torch
from thinc.api import SGD, Adam, Optimizer, RAdam
from torch import nn

from spacy_lstm_tagger.model import adam

from ..conftest import SENTENCES, make_examples

SETTINGS = [
    {"L2": 0.0, "use_averages": False},
    {"L2": 0.1, "L2_is_weight_decay": True, "use_averages": True},
    {"L2": 0.0, "beta1": 0.8, "beta2": 0.9, "eps": 1e-6, "use_averages": True},
]


@pytest.mark.parametrize("has_kernel", [True, False])
@pytest.mark.parametrize("settings", SETTINGS)
def test_steps_are_those_of_thinc(settings, has_kernel, monkeypatch):
    if not has_kernel:
        monkeypatch.delattr(sys.modules["torch.optim.adamw"], "adamw")
    generator = numpy.random.default_rng(0)
    ours, thincs = (Optimizer(0.02, grad_clip=0.0, **settings) for _ in range(2))
    weights = {name: generator.normal(size=shape).astype("float32") for name, shape in (("a", (3, 4)), ("b", (5,)))}
    parameters = {name: nn.Parameter(torch.from_numpy(values.copy())) for name, values in weights.items()}
    assert adam.is_plain_adam(ours)
    for i in range(20):
        ours.learn_rate = thincs.learn_rate = 0.02 / (1 + i)
        names = ["a", "b"] if i % 3 else ["a"]  # a parameter need not have a gradient each time
        for name in names:
            gradient = generator.normal(size=weights[name].shape).astype("float32")
            parameters[name].grad = torch.from_numpy(gradient.copy())
            thincs(name, weights[name], gradient)
        adam.step(ours, {name: parameters[name] for name in names})
    assert ours.nr_update == thincs.nr_update
    for name, values in weights.items():
        numpy.testing.assert_allclose(parameters[name].detach().numpy(), values, atol=1e-4)
        if settings["use_averages"]:  # thinc's begin with zeros, of which little is left
            numpy.testing.assert_allclose(ours.averages[name].numpy(), thincs.averages[name], atol=1e-4)


@pytest.mark.parametrize("optimizer", [Adam(0.0, use_averages=True), RAdam(0.0, use_averages=True)])
def test_averages_begin_with_the_weights(optimizer, trained):
    nlp = copy.deepcopy(trained)
    docs = [nlp.make_doc(" ".join(sentence["words"])) for sentence in SENTENCES]
    expected = nlp.get_pipe("lstm_tagger").model.predict(docs)
    nlp.update(make_examples(nlp), sgd=optimizer, drop=0.3)
    with nlp.use_params(optimizer.averages):
        found = nlp.get_pipe("lstm_tagger").model.predict(docs)
    for of_doc, of_expected in zip(found, expected):
        numpy.testing.assert_allclose(of_doc, of_expected, atol=1e-4)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda key, weights, gradient: None,
        SGD(0.1),
        RAdam(0.1),
        Optimizer(0.1, L2=0.0, grad_clip=1.0),
        Optimizer(0.1, L2=0.1, L2_is_weight_decay=False, grad_clip=0.0),
    ],
)
def test_other_optimizers_are_told_apart(optimizer):
    assert not adam.is_plain_adam(optimizer)
