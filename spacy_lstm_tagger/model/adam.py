"""A step of thinc's Adam, taken by torch."""

from typing import Any, Dict, cast

import torch
from thinc.api import Optimizer
from torch import nn

from ..network.private_torch import step_adamw


def is_plain_adam(optimizer: Any) -> bool:
    """RETURNS (bool): Whether `step` does what the optimizer would do: Adam, with decoupled weight decay or none."""
    if type(optimizer) is not Optimizer:  # such as the function by which spaCy's rehearsal collects gradients
        return False
    is_adam = optimizer.b1 > 0.0 and optimizer.b2 > 0.0 and not optimizer.use_radam
    return bool(is_adam and not optimizer.grad_clip and (optimizer.L2_is_weight_decay or not optimizer.L2))


def step(optimizer: Optimizer, parameters: Dict[Any, nn.Parameter]) -> None:
    """Change weights by their gradients as thinc's optimizer would, with its settings, and keep moments and averages
    where it does. Averages begin with the weights: thinc's begin with zeros, and are too small for the first steps of
    a network that was trained before. Torch takes less time than thinc, and leaves everything on a GPU if it is there.

    AdamW: Loshchilov & Hutter (2019), https://arxiv.org/abs/1711.05101

    :param optimizer: one of which `is_plain_adam` holds.
    :param parameters: those that have gradients, by the keys under which the optimizer knows them.
    """
    states: Any = (optimizer.mom1, optimizer.mom2, {} if optimizer.averages is None else optimizer.averages)
    for state, begin in zip(states, (torch.zeros_like, torch.zeros_like, torch.clone)):
        state.update({key: begin(p.detach()) for key, p in parameters.items() if key not in state})
    mom1, mom2, averages = ([state[key] for key in parameters] for state in states)
    with torch.no_grad():
        step_adamw(
            list(parameters.values()),
            [cast(torch.Tensor, parameter.grad) for parameter in parameters.values()],
            mom1,
            mom2,
            [optimizer.nr_update[key] for key in parameters],
            beta1=optimizer.b1,
            beta2=optimizer.b2,
            learn_rate=float(optimizer.learn_rate),
            weight_decay=float(optimizer.L2),
            eps=optimizer.eps,
        )
        for (key, parameter), average in zip(parameters.items(), averages):
            n_updates = optimizer.nr_update[key] = optimizer.nr_update[key] + 1
            average.lerp_(parameter, 1.0 - min((1.0 + n_updates) / (10.0 + n_updates), 0.9999))
