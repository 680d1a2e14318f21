"""What the package uses of torch beyond its public functions, each with a fallback where torch does not have it."""

from typing import Any, Callable, List, Optional

import torch
from torch import Tensor, nn

# From inputs, and the hidden state and cell before the first step, to hidden states. Shape (n_steps, n_rows, width),
# (n_rows, units) and (n_steps, n_rows, units).
ReadSequence = Callable[[Tensor, Tensor], Tensor]


def has_avx512_bf16() -> bool:
    """RETURNS (bool): Whether the processor has AVX-512's instructions for bfloat16. False if torch cannot say it."""
    return _ask(torch.cpu, "_is_avx512_bf16_supported")


def has_amx_tile() -> bool:
    """RETURNS (bool): Whether the processor has AMX. False if torch cannot say it."""
    return _ask(torch.cpu, "_is_amx_tile_supported")


def onednn_computes_bfloat16() -> bool:
    """RETURNS (bool): Whether oneDNN may use instructions for bfloat16. False if torch cannot say it."""
    return _ask(torch.ops.mkldnn, "_is_mkldnn_bf16_supported")


def pack_lstm(lstm: nn.LSTM) -> Optional[ReadSequence]:
    """Arrange an LSTM's weights once as oneDNN reads them. `nn.LSTM` does so in each call.

    :param lstm: of one layer and one direction, on the CPU.
    :returns: the LSTM as a function. None if torch has not what it needs.
    """
    arrange = getattr(torch.ops.mkldnn, "_reorder_mkldnn_rnn_layer_weight", None)
    read_layer = getattr(torch, "mkldnn_rnn_layer", None)
    if arrange is None or read_layer is None:
        return None
    from_input, from_state, input_bias, state_bias = (weight.detach() for weight in lstm.all_weights[0])
    units = lstm.hidden_size
    from_input, from_state = arrange(from_input, from_state, units, False, True, False)

    def read(inputs: Tensor, first: Tensor) -> Tensor:
        states: Tensor = read_layer(
            inputs,
            from_input,
            from_state,
            input_bias,
            state_bias,
            first,
            first,
            reverse=False,
            batch_sizes=[],  # of a packed batch
            mode=2,  # an LSTM
            hidden_size=units,
            num_layers=1,
            has_biases=True,
            bidirectional=False,
            batch_first=False,
            train=False,
        )[0]
        return states

    return read


def step_adamw(
    parameters: List[Tensor],
    gradients: List[Tensor],
    mom1: List[Tensor],
    mom2: List[Tensor],
    n_updates: List[int],
    *,
    beta1: float,
    beta2: float,
    learn_rate: float,
    weight_decay: float,
    eps: float,
) -> None:
    """Take a step of AdamW, in place. Torch's fused kernel takes less time than the operations below.

    :param n_updates: how often each parameter was updated before.
    """
    adamw = _find_adamw()
    if adamw is not None:
        adamw(
            parameters,
            gradients,
            mom1,
            mom2,
            [],
            [torch.tensor(float(n), device=p.device) for n, p in zip(n_updates, parameters)],
            fused=True,
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=learn_rate,
            weight_decay=weight_decay,
            eps=eps,
            maximize=False,
        )
        return
    for parameter, gradient, mean, square, n in zip(parameters, gradients, mom1, mom2, n_updates):
        parameter.mul_(1 - learn_rate * weight_decay)
        mean.lerp_(gradient, 1 - beta1)
        square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        denominator = (square / (1 - beta2 ** (n + 1))).sqrt_().add_(eps)
        parameter.addcdiv_(mean, denominator, value=-learn_rate / (1 - beta1 ** (n + 1)))


def _find_adamw() -> Optional[Callable[..., None]]:
    try:
        from torch.optim.adamw import adamw  # noqa: PLC0415
    except ImportError:
        return None
    return adamw


def _ask(module: Any, name: str) -> bool:
    question = getattr(module, name, None)
    return question is not None and bool(question())
