"""The losses of training, with their gradients."""

from typing import Optional, Tuple

import numpy

from .label_scheme import LabelScheme
from .probabilities import is_possible, log_softmax, log_sum_exp, softmax
from .targets import AllowedTargets, SoftTargets, Targets

# Of heads whose loss counts less than that of tags: with 1, edit trees cost the others accuracy.
WEIGHTS = {"lemma": 0.1}


def tagging_loss(
    logits: numpy.ndarray, targets: Targets, scheme: LabelScheme, label_smoothing: float
) -> Tuple[float, numpy.ndarray]:
    """Compute the loss of all heads: summed over heads by `WEIGHTS`, averaged over the network's members and samples.

    logits (numpy.ndarray): The logits of heads, members and samples side by side, float32, shape (n_tokens, n_columns).
    targets (Targets): What is known of the tokens.
    scheme (LabelScheme): The labels of the columns.
    label_smoothing (float): As for `negative_log_likelihood`.
    RETURNS (Tuple[float, numpy.ndarray]): The loss in nats, and its gradient with respect to the logits.
    """
    members = scheme.split_members(logits)
    loss = 0.0
    gradients = []
    for heads in members:
        for layer, head in zip(scheme.labels, heads):
            head_loss, gradient = negative_log_likelihood(
                head,
                targets.gold[layer],
                label_smoothing,
                soft=targets.soft.get(layer),
                allowed=targets.allowed.get(layer),
                weights=targets.weights,
            )
            weight = WEIGHTS.get(layer, 1.0) / len(members)
            loss += weight * head_loss
            gradients.append(weight * gradient)
    return loss, numpy.concatenate(gradients, axis=1)


def rehearsal_gradient(logits: numpy.ndarray, tutor_logits: numpy.ndarray, scheme: LabelScheme) -> numpy.ndarray:
    """Compute the gradient of the cross-entropy with an earlier model's probabilities.

    logits (numpy.ndarray): As for `tagging_loss`.
    tutor_logits (numpy.ndarray): The earlier model's; it may have taken fewer samples.
    scheme (LabelScheme): The labels of the columns.
    RETURNS (numpy.ndarray): Shape of the logits. Summed over tokens, averaged over samples.
    """
    n_samples = logits.shape[1] // tutor_logits.shape[1]
    tutors = scheme.split_members(numpy.tile(tutor_logits, n_samples))
    differences = [
        softmax(head) - softmax(tutor)
        for heads, tutor_heads in zip(scheme.split_members(logits), tutors)
        for head, tutor in zip(heads, tutor_heads)
    ]
    return numpy.concatenate(differences, axis=1) / n_samples


def negative_log_likelihood(
    logits: numpy.ndarray,
    targets: numpy.ndarray,
    label_smoothing: float = 0.0,
    *,
    soft: Optional[SoftTargets] = None,
    allowed: Optional[AllowedTargets] = None,
    weights: Optional[numpy.ndarray] = None,
) -> Tuple[float, numpy.ndarray]:
    """Compute the mean loss over the tokens of which something is known, and its gradient.

    Label smoothing: Szegedy et al. (2016), https://arxiv.org/abs/1512.00567. Allowed labels: their probabilities are
    summed up, Jin & Ghahramani (2002), https://papers.nips.cc/paper/2234-learning-with-multiple-labels

    logits (numpy.ndarray): float32, shape (n_tokens, n_labels).
    targets (numpy.ndarray): As `gold_targets` returns them, shape (n_tokens,).
    label_smoothing (float): Probability that the other labels share in the target.
    soft (Optional[SoftTargets]): Targets of some tokens, in the place of those in `targets`. Their loss is the
        cross-entropy.
    allowed (Optional[AllowedTargets]): The labels that tokens may have of which nothing else is known. Their loss is
        the negative log-likelihood of any of them.
    weights (Optional[numpy.ndarray]): By which each token's loss is multiplied, shape (n_tokens,).
    RETURNS (Tuple[float, numpy.ndarray]): The loss in nats, without smoothing, and its gradient with respect to the
        logits, with it.
    """
    gradient = numpy.zeros_like(logits)
    losses = numpy.zeros(len(logits), dtype=logits.dtype)
    is_known = targets >= 0
    right = numpy.flatnonzero(is_known)
    if len(right):
        labels, scores = targets[right], logits[right]
        possible = is_possible(scores)
        n_possible = possible.sum(axis=1, keepdims=True)
        others = numpy.where(n_possible > 1, label_smoothing / numpy.maximum(1, n_possible - 1), 0.0)
        gradient[right] = softmax(scores) - others * possible
        gradient[right, labels] -= 1.0 - (n_possible * others)[:, 0]
        losses[right] = log_sum_exp(scores) - scores[numpy.arange(len(right)), labels]

    if allowed is not None:
        is_open = ~is_known[allowed.tokens]
        tokens, is_allowed = allowed.tokens[is_open], allowed.is_allowed[is_open]
        scores = logits[tokens]
        of_allowed = numpy.where(is_allowed, scores, -numpy.inf)
        gradient[tokens] = softmax(scores) - softmax(of_allowed)
        losses[tokens] = log_sum_exp(scores) - log_sum_exp(of_allowed)
        is_known[tokens] = True

    if soft is not None:
        scores = logits[soft.tokens]
        gradient[soft.tokens] = softmax(scores) - soft.probabilities
        losses[soft.tokens] = -(log_softmax(scores) * soft.probabilities).sum(axis=1)
        is_known[soft.tokens] = True

    if weights is not None:
        losses *= weights
        gradient *= weights[:, None]
    n_known = max(1, int(is_known.sum()))
    return float(losses.sum()) / n_known, gradient / n_known
