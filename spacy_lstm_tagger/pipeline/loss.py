"""The losses of training, with their gradients."""

from typing import Mapping, Optional, Tuple

import numpy

from .gold_labels import MISSING, SoftTargets
from .label_scheme import LabelScheme
from .probabilities import log_softmax, log_sum_exp, softmax

# Of heads whose loss counts less than that of tags: with 1, edit trees cost the others accuracy.
WEIGHTS = {"lemma": 0.1}


def tagging_loss(
    logits: numpy.ndarray,
    targets: Mapping[str, numpy.ndarray],
    soft: Mapping[str, SoftTargets],
    scheme: LabelScheme,
    label_smoothing: float,
) -> Tuple[float, numpy.ndarray]:
    """Compute the loss of all heads: summed over heads by `WEIGHTS`, averaged over the network's members and samples.

    logits (numpy.ndarray): The logits of heads, members and samples side by side, float32, shape (n_tokens, n_columns).
    targets (Mapping[str, numpy.ndarray]): As `gold_labels.gold_targets` returns them.
    soft (Mapping[str, SoftTargets]): As `gold_labels.soft_targets` returns them.
    scheme (LabelScheme): The labels of the columns.
    label_smoothing (float): As for `negative_log_likelihood`.
    RETURNS (Tuple[float, numpy.ndarray]): The loss in nats, and its gradient with respect to the logits.
    """
    members = scheme.split_members(logits)
    loss = 0.0
    gradients = []
    for heads in members:
        for layer, head in zip(scheme.labels, heads):
            head_loss, gradient = negative_log_likelihood(head, targets[layer], label_smoothing, soft.get(layer))
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
    soft: Optional[SoftTargets] = None,
) -> Tuple[float, numpy.ndarray]:
    """Compute the mean loss over the tokens whose label is known, and its gradient.

    Label smoothing: Szegedy et al. (2016), https://arxiv.org/abs/1512.00567. A label that is known to be wrong
    costs the negative log-likelihood of any other.

    logits (numpy.ndarray): float32, shape (n_tokens, n_labels).
    targets (numpy.ndarray): As `gold_labels.gold_targets` returns them, shape (n_tokens,).
    label_smoothing (float): Probability that the other labels share in the target.
    soft (Optional[SoftTargets]): Targets of some tokens, in the place of those in `targets`. Their loss is the
        cross-entropy.
    RETURNS (Tuple[float, numpy.ndarray]): The loss in nats, without smoothing, and its gradient with respect to the
        logits, with it.
    """
    n_labels = logits.shape[1]
    gradient = numpy.zeros_like(logits)
    loss = 0.0
    n_soft = 0
    if soft is not None:
        n_soft = len(soft.tokens)
        scores = logits[soft.tokens]
        gradient[soft.tokens] = softmax(scores) - soft.probabilities
        loss -= float((log_softmax(scores) * soft.probabilities).sum())
        targets = targets.copy()
        targets[soft.tokens] = MISSING

    right = numpy.flatnonzero(targets >= 0)
    if len(right):
        labels, scores = targets[right], logits[right]
        others = label_smoothing / (n_labels - 1) if n_labels > 1 else 0.0
        gradient[right] = softmax(scores) - others
        gradient[right, labels] -= 1.0 - n_labels * others
        loss += float((log_sum_exp(scores) - scores[numpy.arange(len(right)), labels]).sum())

    wrong = numpy.flatnonzero(targets < MISSING)
    if len(wrong) and n_labels > 1:
        scores = logits[wrong]
        scores_of_others = scores.copy()
        scores_of_others[numpy.arange(len(wrong)), MISSING - 1 - targets[wrong]] = -numpy.inf
        gradient[wrong] = softmax(scores) - softmax(scores_of_others)
        loss += float((log_sum_exp(scores) - log_sum_exp(scores_of_others)).sum())

    n_known = max(1, n_soft + len(right) + len(wrong))
    return loss / n_known, gradient / n_known
