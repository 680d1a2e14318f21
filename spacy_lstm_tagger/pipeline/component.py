"""The pipeline component `lstm_tagger`."""

import warnings
from collections import Counter
from functools import partial
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import numpy
from spacy import util
from spacy.errors import Errors
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer, set_dropout_rate

from ..annotation_layers import LAYERS, WHITESPACE
from ..atomic_files import replace_directory
from ..model.build_network import create_network
from ..model.shim import get_shim
from ..model.tagging_pass import score_tokens
from ..model.vocabulary import Vocabulary
from ..ragged import split
from ..shipped import DEFAULT_MODEL, PRETRAINED, pretrained_directory
from . import storage
from .calibration import fit_temperature, refine_temperature
from .confidence import CONFIDENCE_LAYERS, keep_confidence, register_confidence
from .gold_labels import Labels, collect_annotations, collect_labels, gold_targets, label_values, read_tag_map
from .label_combinations import Combinations, collect_combinations
from .loss import highest_probability, negative_log_likelihood, softmax
from .scorer import lstm_tagger_score


class Prediction(NamedTuple):
    """What the tagger says of one doc.

    labels (numpy.ndarray): For each token and head the label's index, -1 for whitespace. int64, shape
        (n_tokens, n_heads).
    confidence (Optional[numpy.ndarray]): The labels' probabilities, where they are wanted; NaN for whitespace.
        float32, same shape.
    """

    labels: numpy.ndarray
    confidence: Optional[numpy.ndarray]


@Language.factory(
    "lstm_tagger",
    assigns=["token.tag", "token.pos", "token.morph"],
    default_config={
        "model": DEFAULT_MODEL,
        "overwrite": False,
        "scorer": {"@scorers": "spacy-lstm-tagger.lstm_tagger_scorer.v1"},
        "neg_prefix": "!",
        "label_smoothing": 0.03,
        "tag_map": None,
        "consistent_labels": True,
        "store_confidence": False,
        "pretrained": None,
    },
    default_score_weights={"tag_acc": 0.4, "pos_acc": 0.4, "morph_acc": 0.2, "morph_per_feat": None},
)
def make_lstm_tagger(
    nlp: Language,
    name: str,
    model: Model[List[Doc], List[numpy.ndarray]],
    overwrite: bool,
    scorer: Optional[Callable[..., Dict[str, Any]]],
    neg_prefix: str,
    label_smoothing: float,
    tag_map: Optional[Union[Dict[str, str], str]],
    consistent_labels: bool,
    store_confidence: bool,
    pretrained: Optional[str],
) -> "LSTMTaggerPipe":
    """Make an LSTM tagger. See `LSTMTaggerPipe` for the settings."""
    return LSTMTaggerPipe(
        nlp.vocab,
        model,
        name,
        overwrite=overwrite,
        scorer=scorer,
        neg_prefix=neg_prefix,
        label_smoothing=label_smoothing,
        tag_map=tag_map,
        consistent_labels=consistent_labels,
        store_confidence=store_confidence,
        pretrained=pretrained,
    )


def load_pipeline(model: Union[str, Path], *, store_confidence: bool = False) -> Language:
    """Load a pipeline that has an LSTM tagger.

    model (Union[str, Path]): Its directory or package, or the name of a tagger that ships with this package.
    store_confidence (bool): Whether the tagger keeps its labels' probabilities.
    RETURNS (Language): The pipeline. Raises a ValueError if it has no LSTM tagger.
    """
    if model in PRETRAINED and not Path(model).exists():
        nlp = util.get_lang_class(str(model))()
        nlp.add_pipe("lstm_tagger", config={"pretrained": model})
    else:
        nlp = util.load_model(model)
    find_tagger(nlp).store_confidence = store_confidence
    return nlp


def find_tagger(nlp: Language) -> "LSTMTaggerPipe":
    """RETURNS (LSTMTaggerPipe): The pipeline's LSTM tagger. Raises a ValueError if there is none."""
    for _, pipe in nlp.pipeline:
        if isinstance(pipe, LSTMTaggerPipe):
            return pipe
    raise ValueError(f"The pipeline has no component of the factory 'lstm_tagger', only: {nlp.pipe_names}.")


class LSTMTaggerPipe(TrainablePipe):
    """Pipeline component that sets `token.tag`, `token.pos` and `token.morph` with one LSTM.

    It has a head for each of these layers that the training data has.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model[List[Doc], List[numpy.ndarray]],
        name: str = "lstm_tagger",
        *,
        overwrite: bool = False,
        scorer: Optional[Callable[..., Dict[str, Any]]] = lstm_tagger_score,
        neg_prefix: str = "!",
        label_smoothing: float = 0.0,
        tag_map: Optional[Union[Mapping[str, str], str]] = None,
        consistent_labels: bool = True,
        store_confidence: bool = False,
        pretrained: Optional[str] = None,
    ) -> None:
        """Set up a tagger that knows no labels yet, unless it is a pretrained one.

        vocab (Vocab): The shared vocabulary.
        model (Model[List[Doc], List[numpy.ndarray]]): What `spacy-lstm-tagger.LSTMTagger.v1` builds.
        name (str): The component's name in the pipeline.
        overwrite (bool): Whether to replace annotation that a doc already has.
        scorer (Optional[Callable]): The scoring method.
        neg_prefix (str): A gold tag that begins with it says what a token is not.
        label_smoothing (float): Probability that training leaves to all labels but the right one.
        tag_map (Optional[Union[Mapping[str, str], str]]): The UPOS tag of each fine-grained tag, or the path of a
            JSON file with them, for training data that has no UPOS tags. Other tags become "X".
        consistent_labels (bool): Whether a token only gets labels that some token of the training data has together.
        store_confidence (bool): Whether to keep the labels' probabilities, as `token._.tag_confidence` and
            `token._.pos_confidence`.
        pretrained (Optional[str]): The name of a tagger that ships with the package, to begin with. Initializing the
            component then leads back to it.
        """
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self._rehearsal_model: Optional[Model[List[Doc], List[numpy.ndarray]]] = None
        self.cfg: Dict[str, Any] = {
            "combinations": [],
            "consistent_labels": consistent_labels,
            "label_smoothing": label_smoothing,
            "labels": {},
            "neg_prefix": neg_prefix,
            "overwrite": overwrite,
            "pretrained": pretrained,
            "tag_map": tag_map,
            "temperatures": {},
        }
        if tag_map is not None and (isinstance(tag_map, Mapping) or Path(tag_map).exists()):
            self.cfg["tag_map"] = read_tag_map(tag_map)  # else a trained model has it, the file may be gone
        self.store_confidence = store_confidence
        self._values: Dict[str, numpy.ndarray] = {}
        self._combinations = Combinations([], [])
        self._columns: List[slice] = []
        if pretrained is not None:
            with pretrained_directory(pretrained) as directory:
                # A pipeline that was saved with it has all it needs.
                if directory.exists():
                    self.from_disk(directory, exclude=["vocab"])

    @property
    def labels(self) -> Tuple[str, ...]:
        """RETURNS (Tuple[str, ...]): The fine-grained tags."""
        return tuple(self.cfg["labels"].get("tag", ()))

    @property
    def pos_labels(self) -> Tuple[str, ...]:
        """RETURNS (Tuple[str, ...]): The UPOS tags that the network tells apart; none if they follow from tags."""
        return tuple(self.cfg["labels"].get("pos", ()))

    @property
    def morph_labels(self) -> Tuple[str, ...]:
        """RETURNS (Tuple[str, ...]): The bundles of morphological features; "_" is the empty one."""
        return tuple(self.cfg["labels"].get("morph", ()))

    @property
    def label_data(self) -> Labels:
        """RETURNS (Dict[str, List[str]]): The labels of each head, as `initialize` takes them."""
        return {layer: list(labels) for layer, labels in self.cfg["labels"].items()}

    @property
    def vocabulary(self) -> Vocabulary:
        """RETURNS (Vocabulary): The words of the training data."""
        vocabulary: Vocabulary = self.model.attrs["vocabulary"]
        return vocabulary

    @property
    def store_confidence(self) -> bool:
        """Whether the probabilities of labels are kept, as `token._.tag_confidence` and `token._.pos_confidence`."""
        return bool(self.cfg["store_confidence"])

    @store_confidence.setter
    def store_confidence(self, value: bool) -> None:
        self.cfg["store_confidence"] = value
        if value:
            register_confidence()

    def add_label(self, label: str) -> int:
        """Add a fine-grained tag. Possible until the network exists.

        label (str): The tag.
        RETURNS (int): 0 if the label is already present, otherwise 1.
        """
        if not isinstance(label, str):
            raise ValueError(Errors.E187)
        if label in self.labels:
            return 0
        if self.model.has_dim("nO"):
            raise ValueError(Errors.E922.format(name=self.name, nO=self.model.get_dim("nO")))
        self._set_labels({**self.label_data, "tag": [*self.labels, label]})
        return 1

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[Union[Labels, Sequence[str]]] = None,
    ) -> None:
        """Learn labels and vocabulary from the training data, and make a new network for them. A pretrained tagger has
        all that, and only is as it was in the beginning.

        get_examples (Callable[[], Iterable[Example]]): Gives the training data, as often as it is called.
        nlp (Optional[Language]): The pipeline that the component is part of.
        labels (Optional[Union[Dict[str, List[str]], Sequence[str]]]): The labels of each head, as `init labels`
            writes them, or the fine-grained tags alone. None collects them from the data.
        """
        validate_get_examples(get_examples, "LSTMTaggerPipe.initialize")
        if self.cfg["pretrained"] is not None:
            with pretrained_directory(self.cfg["pretrained"]) as directory:
                self.from_disk(directory, exclude=["vocab"])
            return
        util.check_lexeme_norms(self.vocab, "tagger")
        counts: Counter[str] = Counter()

        def read_references() -> Iterator[Doc]:
            for eg in get_examples():
                counts.update(token.text for token in eg.predicted if not token.is_space)
                yield eg.reference

        annotations = collect_annotations(read_references())
        if labels is None:
            labels = collect_labels(annotations, self.cfg["neg_prefix"])
        elif not isinstance(labels, Mapping):
            labels = {"tag": list(labels)}
        known = self.label_data
        merged = {layer: list(dict.fromkeys([*known.get(layer, ()), *labels.get(layer, ())])) for layer in LAYERS}
        labels = {layer: names for layer, names in merged.items() if names}
        if not labels:
            raise ValueError(Errors.E143.format(name=self.name))
        self._set_labels(labels, collect_combinations(annotations, labels))
        self._warn_of_unmapped_tags()
        self.vocabulary.fit(counts)
        create_network(self.model, {layer: len(names) for layer, names in self.cfg["labels"].items()}, self.vocab)
        self.model.initialize(X=[eg.predicted for eg in islice(get_examples(), 10)])

    def predict(self, docs: Iterable[Doc]) -> List[Prediction]:
        """Find the labels of docs, without changing them.

        docs (Iterable[Doc]): The docs.
        RETURNS (List[Prediction]): The labels of each doc's tokens.
        """
        docs = list(docs)
        labels = numpy.full((sum(map(len, docs)), len(self.cfg["labels"])), -1, dtype="int64")
        confidence = numpy.full(labels.shape, numpy.nan, dtype="float32") if self.store_confidence else None
        for tokens, parts, chosen in self._score(docs):
            labels[tokens] = chosen
            for head, (layer, scores) in enumerate(zip(self.cfg["labels"], parts)):
                if confidence is not None and layer in CONFIDENCE_LAYERS:
                    confidence[tokens, head] = highest_probability(scores, self._temperature(layer))
        confidences = [None] * len(docs) if confidence is None else split(confidence, map(len, docs))
        return [Prediction(*pair) for pair in zip(split(labels, map(len, docs)), confidences)]

    def set_annotations(self, docs: Iterable[Doc], predictions: Iterable[Prediction]) -> None:
        """Write labels into docs.

        docs (Iterable[Doc]): The docs.
        predictions (Iterable[Prediction]): What `predict` returned for them.
        """
        docs, predictions = list(docs), list(predictions)
        if not docs:
            return
        attributes = [LAYERS[layer] for layer in self._values]
        heads = list(self.cfg["labels"])
        columns = dict(zip(heads, numpy.concatenate([prediction.labels for prediction in predictions]).T))
        # Where there is no head for UPOS, the tag map has a value for each fine-grained tag.
        by_layer = [values[columns[layer if layer in columns else "tag"]] for layer, values in self._values.items()]
        own = numpy.array(by_layer).T
        values = own
        if not self.cfg["overwrite"]:
            current = numpy.concatenate([doc.to_array(attributes).reshape(-1, len(attributes)) for doc in docs])
            values = numpy.where(current == 0, own, current)
        end = 0
        for doc in docs:
            start, end = end, end + len(doc)
            if start < end:
                doc.from_array(attributes, values[start:end])  # type: ignore[arg-type]
        confidences = [prediction.confidence for prediction in predictions if prediction.confidence is not None]
        if confidences:
            is_own = (values == own)[:, : len(heads)]
            keep_confidence(docs, dict(zip(heads, numpy.where(is_own, numpy.concatenate(confidences), numpy.nan).T)))

    def predict_proba(self, docs: Iterable[Doc]) -> List[Dict[str, numpy.ndarray]]:
        """Find the probability of every label for every token.

        docs (Iterable[Doc]): The docs.
        RETURNS (List[Dict[str, numpy.ndarray]]): For each doc and head ("tag", "pos", "morph") an array of shape
            (n_tokens, n_labels), float32, in the order of the head's labels. Rows sum to 1. The network does not
            see whitespace, so all labels are equally likely for it.
        """
        docs = list(docs)
        n_tokens = sum(map(len, docs))
        probabilities = {
            head: numpy.full((n_tokens, len(labels)), 1 / len(labels), dtype="float32")
            for head, labels in self.cfg["labels"].items()
        }
        for tokens, parts, _ in self._score(docs):
            for (layer, rows), scores in zip(probabilities.items(), parts):
                rows[tokens] = softmax(scores / self._temperature(layer))
        by_doc = zip(*(split(rows, map(len, docs)) for rows in probabilities.values()))
        return [dict(zip(probabilities, rows)) for rows in by_doc]

    def top_k(self, docs: Iterable[Doc], k: int = 5) -> List[Dict[str, List[List[Tuple[str, float]]]]]:
        """Find the likeliest labels of every token.

        docs (Iterable[Doc]): The docs.
        k (int): How many labels, at least 1.
        RETURNS (List[Dict[str, List[List[Tuple[str, float]]]]]): For each doc, head and token up to k labels with
            their probabilities, the likeliest first.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}.")
        return [
            {head: _likeliest(rows, self.cfg["labels"][head], k) for head, rows in probabilities.items()}
            for probabilities in self.predict_proba(docs)
        ]

    def calibrate(self, examples: Iterable[Example]) -> Dict[str, float]:
        """Fit each head's temperature, by which its probabilities come to mean what they say. No label changes.

        It is done whenever training evaluates averaged weights, so that the saved model has the temperatures that
        belong to them.

        examples (Iterable[Example]): Examples that were not trained on.
        RETURNS (Dict[str, float]): The temperature of each head: above 1 if the network is too sure, else below.
        """
        validate_examples(examples, "LSTMTaggerPipe.calibrate")
        examples = list(examples)
        docs = [eg.predicted for eg in examples]
        targets = gold_targets(examples, self.cfg["labels"], self.cfg["neg_prefix"]) if examples else {}
        scored = list(self._score(docs))
        for head, layer in enumerate(self.cfg["labels"] if scored else ()):
            tokens = numpy.concatenate([tokens for tokens, _, _ in scored])
            logits = numpy.concatenate([parts[head] for _, parts, _ in scored])
            gold = targets[layer][tokens]
            self.cfg["temperatures"][layer] = refine_temperature(fit_temperature(logits, gold), logits, gold)
        return dict(self.cfg["temperatures"])

    def score(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        """Score examples that the pipeline has annotated. If training evaluates averaged weights, calibrate by them.

        examples (Iterable[Example]): The examples.
        RETURNS (Dict[str, Any]): What the component's scorer returns.
        """
        examples = list(examples)
        if get_shim(self.model).uses_averages:
            self.calibrate(examples)
        return super().score(examples, **kwargs)

    def _temperature(self, layer: str) -> float:
        return float(self.cfg["temperatures"].get(layer, 1.0))

    def _score(self, docs: Sequence[Doc]) -> Iterator[Tuple[numpy.ndarray, List[numpy.ndarray], numpy.ndarray]]:
        """Yield tokens, counted from the first doc's first token on, each head's scores for them, and their labels."""
        for tokens, logits in score_tokens(self.model, docs):
            parts = [logits[:, columns] for columns in self._columns]
            labels = self._combinations.reconcile(parts)
            yield tokens, parts, labels

    def get_loss(self, examples: Iterable[Example], scores: List[numpy.ndarray]) -> Tuple[float, List[numpy.ndarray]]:
        """Compare scores with the gold labels.

        examples (Iterable[Example]): The examples.
        scores (List[numpy.ndarray]): The model's logits for them, as it gives them in training.
        RETURNS (Tuple[float, List[numpy.ndarray]]): The negative log-likelihood in nats, averaged over the tokens whose
            label is known and summed over the heads, and the gradient with respect to the scores.
        """
        validate_examples(examples, "LSTMTaggerPipe.get_loss")
        targets = gold_targets(list(examples), self.cfg["labels"], self.cfg["neg_prefix"])
        members = self._split_members(numpy.concatenate(scores))
        loss = 0.0
        gradients = []
        for parts in members:
            for layer, part in zip(self.cfg["labels"], parts):
                head_loss, gradient = negative_log_likelihood(part, targets[layer], self.cfg["label_smoothing"])
                loss += head_loss / len(members)
                gradients.append(gradient / len(members))
        if numpy.isnan(loss):
            raise ValueError(Errors.E910.format(name=self.name))
        return loss, split(numpy.concatenate(gradients, axis=1), map(len, scores))

    def rehearse(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Update towards what the model predicted when training was resumed, lest it forgets.

        examples (Iterable[Example]): The examples; their gold annotation is not used.
        drop (float): The dropout rate.
        sgd (Optional[Optimizer]): The optimizer.
        losses (Optional[Dict[str, float]]): The losses so far, to which this one is added.
        RETURNS (Dict[str, float]): The losses.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        validate_examples(examples, "LSTMTaggerPipe.rehearse")
        docs = [eg.predicted for eg in examples]
        if self._rehearsal_model is None or not any(len(doc) for doc in docs):
            return losses
        set_dropout_rate(self.model, drop)
        scores, backprop = self.model.begin_update(docs)
        set_dropout_rate(self._rehearsal_model, 0.0)
        tutor_scores, _ = self._rehearsal_model.begin_update(docs)
        n_tokens = sum(map(len, docs))
        gradients = []
        for own, tutor in zip(scores, tutor_scores):
            # The tutor reads each doc once.
            n_samples = own.shape[1] // tutor.shape[1]
            members = zip(self._split_members(own), self._split_members(numpy.tile(tutor, n_samples)))
            differences = [softmax(a) - softmax(b) for parts in members for a, b in zip(*parts)]
            gradients.append(numpy.concatenate(differences, axis=1) / (n_tokens * n_samples))
        backprop(gradients)
        if sgd is not None:
            self.finish_update(sgd)
        losses[self.name] += float(sum((gradient**2).sum() for gradient in gradients))
        return losses

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialize the component.

        exclude (Iterable[str]): Parts to leave out: "cfg", "vocab", "vocabulary", "model".
        RETURNS (bytes): The component.
        """
        serializers: Dict[str, Callable[[], bytes]] = {"vocab": partial(self.vocab.to_bytes, exclude=exclude)}
        for name, part in storage.to_parts(self._learned(), self.model).items():
            serializers[name] = partial(bytes, part)
        return bytes(util.to_bytes(serializers, exclude))

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "LSTMTaggerPipe":
        """Load the component. If the data is damaged, it stays as it was.

        bytes_data (bytes): What `to_bytes` returned.
        exclude (Iterable[str]): Parts not to load: "cfg", "vocab", "vocabulary", "model".
        RETURNS (LSTMTaggerPipe): Itself.
        """
        parts: Dict[str, bytes] = {}
        deserializers: Dict[str, Callable[[bytes], Any]] = {
            "vocab": lambda data: self.vocab.from_bytes(data, exclude=exclude)
        }
        for name in storage.PARTS:
            deserializers[name] = partial(parts.__setitem__, name)
        util.from_bytes(bytes_data, deserializers, exclude)
        self._load(parts, "bytes")
        return self

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        """Save the component. If saving is interrupted, what was there before can still be loaded.

        path (Union[str, Path]): The directory. It is replaced.
        exclude (Iterable[str]): Parts to leave out: "cfg", "vocab", "vocabulary", "model".
        """
        serializers: Dict[str, Callable[[Path], Any]] = {"vocab": partial(self.vocab.to_disk, exclude=exclude)}
        for name, part in storage.to_parts(self._learned(), self.model).items():
            serializers[name] = partial(Path.write_bytes, data=part)
        with replace_directory(Path(path), own=storage.PARTS) as directory:
            util.to_disk(directory, serializers, exclude)

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> "LSTMTaggerPipe":
        """Load the component. If a file is missing or damaged, it stays as it was.

        path (Union[str, Path]): The directory.
        exclude (Iterable[str]): Parts not to load: "cfg", "vocab", "vocabulary", "model".
        RETURNS (LSTMTaggerPipe): Itself.
        """
        path = Path(path)
        parts = storage.read_parts(path, exclude)
        if "vocab" not in exclude:
            self.vocab.from_disk(path / "vocab", exclude=exclude)
        self._load(parts, str(path))
        return self

    def _learned(self) -> Dict[str, Any]:
        learned = {name: self.cfg[name] for name in ("labels", "combinations", "temperatures")}
        return {**learned, "tag_map": self.cfg["tag_map"] if isinstance(self.cfg["tag_map"], Mapping) else None}

    def _load(self, parts: Mapping[str, bytes], source: str) -> None:
        learned = storage.from_parts(parts, self.model, source)
        if learned:
            if learned["tag_map"] is not None and not isinstance(self.cfg["tag_map"], Mapping):
                self.cfg["tag_map"] = learned["tag_map"]
            self._set_labels(learned["labels"], learned["combinations"])
            self.cfg["temperatures"] = dict(learned.get("temperatures", {}))

    def _split_members(self, logits: numpy.ndarray) -> List[List[numpy.ndarray]]:
        """Split logits of training, which stand side by side, into one array a head, for each of the network's members
        and samples."""
        members = numpy.split(logits, logits.shape[1] // self._columns[-1].stop, axis=1)
        return [[member[:, columns] for columns in self._columns] for member in members]

    @property
    def _maps_tags(self) -> bool:
        """Whether UPOS tags follow from fine-grained tags."""
        return self.cfg["tag_map"] is not None and bool(self.labels) and not self.pos_labels

    def _warn_of_unmapped_tags(self) -> None:
        unmapped = [tag for tag in self.labels if tag not in self.cfg["tag_map"]] if self._maps_tags else []
        if unmapped:
            warnings.warn(f"tag_map has no UPOS tag for {', '.join(unmapped)}: their tokens get 'X'.", stacklevel=3)

    def _set_labels(self, labels: Labels, combinations: Sequence[int] = ()) -> None:
        """Take over labels, and find what spaCy stores for each in a token."""
        self.cfg["labels"] = {layer: list(labels[layer]) for layer in LAYERS if labels.get(layer)}
        self.cfg["combinations"] = list(combinations)
        self.cfg["temperatures"] = {}
        n_labels = [len(names) for names in self.cfg["labels"].values()]
        # For each head, where its scores stand among those of all.
        self._columns = [slice(end - n, end) for n, end in zip(n_labels, accumulate(n_labels))]
        self._combinations = Combinations(combinations if self.cfg["consistent_labels"] else [], n_labels)
        by_layer = {layer: [*names, WHITESPACE[layer]] for layer, names in self.cfg["labels"].items()}
        if self._maps_tags:
            tag_map = self.cfg["tag_map"] = read_tag_map(self.cfg["tag_map"])
            by_layer["pos"] = [*(tag_map.get(tag, "X") for tag in self.labels), WHITESPACE["pos"]]
        self._values = {layer: label_values(self.vocab, layer, names) for layer, names in by_layer.items()}


def _likeliest(probabilities: numpy.ndarray, labels: Sequence[str], k: int) -> List[List[Tuple[str, float]]]:
    order = numpy.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return [
        [(labels[label], float(row[label])) for label in ranking] for row, ranking in zip(probabilities, order.tolist())
    ]
