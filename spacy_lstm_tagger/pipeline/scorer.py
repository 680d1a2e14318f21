"""The scores of the component, as `nlp.evaluate` and training report them."""

from typing import Any, Callable, Dict, Iterable

from spacy.scorer import Scorer
from spacy.training import Example


def lstm_tagger_score(examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
    """Score fine-grained tags, coarse-grained tags and morphology.

    examples (Iterable[Example]): The examples.
    RETURNS (Dict[str, Any]): `tag_acc`, `pos_acc`, `morph_acc`, `morph_per_feat` and micro averages of the last.
    """

    def morph_key(token: Any, attr: str) -> int:
        return int(getattr(token, attr).key)

    examples = list(examples)
    return {
        **Scorer.score_token_attr(examples, "tag", **kwargs),
        **Scorer.score_token_attr(examples, "pos", **kwargs),
        **Scorer.score_token_attr(examples, "morph", getter=morph_key, **kwargs),
        **Scorer.score_token_attr_per_feat(examples, "morph", getter=morph_key, **kwargs),
    }


def make_lstm_tagger_scorer() -> Callable[..., Dict[str, Any]]:
    """RETURNS (Callable): The component's scorer."""
    return lstm_tagger_score
