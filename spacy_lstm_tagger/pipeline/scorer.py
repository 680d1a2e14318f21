"""The scores of the component, as `nlp.evaluate` and training report them."""

from typing import Any, Callable, Dict, Iterable, List, Set, Tuple

from spacy.language import Language
from spacy.scorer import PRFScore, Scorer
from spacy.tokens import Doc, Token
from spacy.training import Example

from ..annotation_layers import LAYERS
from ..formats.raw_text import is_raw_text
from ..formats.sentence import has_sentences


def lstm_tagger_score(examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
    """Score fine-grained tags, coarse-grained tags and morphology.

    examples (Iterable[Example]): The examples.
    RETURNS (Dict[str, Any]): `tag_acc`, `pos_acc`, `morph_acc`, `morph_per_feat` and micro averages of the last, as
        spaCy's own taggers have them. Examples of raw text, which `spacy-lstm-tagger.Treebank.v1` makes, are scored by
        themselves, see `score_raw_text`.
    """

    def morph_key(token: Any, attr: str) -> int:
        return int(getattr(token, attr).key)

    examples = list(examples)
    raw = [eg for eg in examples if is_raw_text(eg)]
    on_given_words = [eg for eg in examples if not is_raw_text(eg)]
    # Without a single feature, FEATS are not annotated: treebanks write "_" for both.
    with_feats = on_given_words if any(token.morph for eg in on_given_words for token in eg.reference) else []
    with_lemmas = on_given_words if _have_lemmas(on_given_words) else []
    scores = {
        **Scorer.score_token_attr(on_given_words, "tag", **kwargs),
        **Scorer.score_token_attr(on_given_words, "pos", **kwargs),
        **Scorer.score_token_attr(with_feats, "morph", getter=morph_key, **kwargs),
        **Scorer.score_token_attr(with_lemmas, "lemma", **kwargs),
        **Scorer.score_token_attr_per_feat(with_feats, "morph", getter=morph_key, **kwargs),
    }
    for layer, score in score_raw_text(raw).items():
        scores[f"raw_{layer}_f"] = score.fscore
    return scores


def drop_score_weights(nlp: Language, name: str, layers: Iterable[str]) -> None:
    """Leave the scores of layers that the training data lacks out of the choice of the best step.

    nlp (Language): The pipeline; its config is changed. spaCy normalizes the weights that are left.
    name (str): The name of the component. The weights of scores that other components have too stay.
    layers (Iterable[str]): The layers.
    """
    weights = nlp.config["training"]["score_weights"]
    of_others = [nlp.get_pipe_meta(other).default_score_weights or {} for other in nlp.pipe_names if other != name]
    for layer in layers:
        for score in (f"{layer}_acc", f"raw_{layer}_f"):
            if score in weights and not any(score in of_other for of_other in of_others):
                weights[score] = None


def score_raw_text(examples: Iterable[Example]) -> Dict[str, PRFScore]:
    """Score labels of the tokenizer's tokens by those of the treebank's.

    A token is right if it has the same characters of the text as one of the treebank, and the same label. Source: the
    CoNLL 2018 shared task, https://universaldependencies.org/conll18/evaluation.html

    examples (Iterable[Example]): Examples whose docs have the same text.
    RETURNS (Dict[str, PRFScore]): Precision, recall and F-score of each layer that is annotated. Sentences are scored
        if some doc has several of them: else the docs are sentences, and not text.
    """
    examples = list(examples)
    are_documents = any(has_sentences(eg.reference) for eg in examples)
    scores = {layer: PRFScore() for layer in LAYERS}
    sentences = scores.pop("sents")
    for eg in examples:
        gold = {(token.idx, len(token)): token for token in _words(eg.reference)}
        predicted = {(token.idx, len(token)): token for token in _words(eg.predicted)}
        for layer, score in scores.items():
            labels = {span: _label(token, layer) for span, token in gold.items()}
            unknown = {span for span, label in labels.items() if not label}
            right = sum(
                span in predicted and _label(predicted[span], layer) == label for span, label in labels.items() if label
            )
            score.tp += right
            score.fn += len(labels) - len(unknown) - right
            score.fp += len(predicted.keys() - unknown) - right
        if are_documents:
            sentences.score_set(_sentences(eg.predicted), _sentences(eg.reference))
    if not _have_lemmas(examples):
        del scores["lemma"]
    scores["sents"] = sentences
    return {layer: score for layer, score in scores.items() if score.tp + score.fn}


def make_lstm_tagger_scorer() -> Callable[..., Dict[str, Any]]:
    """RETURNS (Callable): The component's scorer."""
    return lstm_tagger_score


def _have_lemmas(examples: Iterable[Example]) -> bool:
    """Whether the pipeline sets lemmas: without a single predicted one, it does not."""
    return any(eg.predicted.has_annotation("LEMMA") for eg in examples)


def _words(doc: Doc) -> List[Token]:
    return [token for token in doc if not token.is_space]


def _sentences(doc: Doc) -> Set[Tuple[int, int]]:
    """The characters at which each sentence begins and ends, without whitespace around it."""
    sentences = doc.sents if doc.has_annotation("SENT_START") else [doc[:]]
    words = [[token for token in sentence if not token.is_space] for sentence in sentences]
    return {(of_sentence[0].idx, of_sentence[-1].idx + len(of_sentence[-1])) for of_sentence in words if of_sentence}


def _label(token: Token, layer: str) -> str:
    """The label as text, "" if there is none; of features, "_" if there are none of them."""
    if layer == "morph":
        return (str(token.morph) or "_") if token.has_morph() else ""
    return str(getattr(token, f"{layer}_"))
