"""The pipeline component `lstm_tagger`."""

import warnings
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union, cast

import numpy
from spacy import util
from spacy.errors import Errors
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer, set_dropout_rate

from ..annotation_layers import LAYERS, UPOS
from ..formats.lexicon import read_lexicon
from ..model.build_network import create_network, grow_network
from ..model.features import set_word_mask, states_width
from ..model.shared_encoder import is_listening, listens_to_tensors
from ..model.shim import get_shim
from ..model.tagging_pass import LATE, score_tokens
from ..model.training_pass import Update
from ..model.vocabulary import Vocabulary
from ..model_packages import find_pipeline, load_package, require_package
from ..ragged import split
from ..shipped import DEFAULT_MODEL, PRETRAINED, pretrained_directory
from . import serialization, storage
from .calibration import Calibration, fit_calibrations
from .confidence import register_confidence
from .conflicts import check_pipeline
from .credits import add_credits
from .gold_labels import check_labels, collect_annotations
from .growth import grow_labels
from .label_combinations import collect_combinations
from .label_parts import find_label_parts
from .label_scheme import Labels, LabelScheme, TagMap, read_tag_map
from .lemmas import KnownLemmas, Words
from .lexicon import Lexicon, LexiconMask, keep_possible, learn_entries
from .listeners import Listeners
from .loss import rehearsal_gradient, tagging_loss
from .prediction import Prediction, Scored, find_given, predict_labels, predict_probabilities, set_predictions
from .probabilities import likeliest
from .scorer import drop_score_weights, lstm_tagger_score
from .targets import Targets, find_targets, gold_targets
from .training_data import NO_DATA, TrainingData, read_training_data


@Language.factory(
    "lstm_tagger",
    assigns=["token.tag", "token.pos", "token.morph", "token.lemma", "token.is_sent_start", "doc.sents"],
    default_config={
        "model": DEFAULT_MODEL,
        "overwrite": True,
        "extend": False,
        "scorer": {"@scorers": "spacy-lstm-tagger.lstm_tagger_scorer.v1"},
        "neg_prefix": "!",
        "label_smoothing": 0.03,
        "tag_map": None,
        "consistent_labels": True,
        "heads": list(LAYERS),
        "min_tree_freq": 3,
        "lexicon": None,
        "lexicon_min_count": 0,
        "lexicon_in_training": False,
        "store_confidence": False,
        "store_states": False,
        "pretrained": None,
    },
    default_score_weights={"tag_acc": 0.3, "pos_acc": 0.3, "morph_acc": 0.2, "lemma_acc": 0.2, "morph_per_feat": None},
)
def make_lstm_tagger(
    nlp: Language,
    name: str,
    model: Model[List[Doc], List[numpy.ndarray]],
    overwrite: bool,
    extend: bool,
    scorer: Optional[Callable[..., Dict[str, Any]]],
    neg_prefix: str,
    label_smoothing: float,
    tag_map: Optional[Union[Dict[str, str], str]],
    consistent_labels: bool,
    heads: List[str],
    min_tree_freq: int,
    lexicon: Optional[Union[Dict[str, Any], str]],
    lexicon_min_count: int,
    lexicon_in_training: bool,
    store_confidence: bool,
    store_states: bool,
    pretrained: Optional[str],
) -> "LSTMTaggerPipe":
    """Make an LSTM tagger. See `LSTMTaggerPipe` for the settings."""
    # A saved pipeline is loaded from its own files, and does not need the pretrained ones.
    is_saved = name in nlp._meta.get("components", ())
    if pretrained is not None and not is_saved:
        add_credits(nlp, pretrained)
    tagger = LSTMTaggerPipe(
        nlp.vocab,
        model,
        name,
        overwrite=overwrite,
        extend=extend,
        scorer=scorer,
        neg_prefix=neg_prefix,
        label_smoothing=label_smoothing,
        tag_map=tag_map,
        consistent_labels=consistent_labels,
        heads=heads,
        min_tree_freq=min_tree_freq,
        lexicon=lexicon,
        lexicon_min_count=lexicon_min_count,
        lexicon_in_training=lexicon_in_training,
        store_confidence=store_confidence,
        store_states=store_states,
        pretrained=None if is_saved else pretrained,
    )
    tagger.cfg["pretrained"] = pretrained
    return tagger


class LSTMTaggerPipe(TrainablePipe):
    """Pipeline component that sets `token.tag`, `token.pos`, `token.morph`, `token.lemma` and, in docs that have none,
    sentence boundaries, with one LSTM.

    The network has a head for each of these layers that the training data has.

        >>> import spacy
        >>> nlp = spacy.blank("en")
        >>> tagger = nlp.add_pipe("lstm_tagger", config={"pretrained": "en"})
        >>> token = nlp("She reads old books.")[1]
        >>> token.tag_, token.pos_, str(token.morph)
        ('VBZ', 'VERB', 'Mood=Ind|Number=Sing|Person=3|Tense=Pres|VerbForm=Fin')
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model[List[Doc], List[numpy.ndarray]],
        name: str = "lstm_tagger",
        *,
        overwrite: bool = True,
        extend: bool = False,
        scorer: Optional[Callable[..., Dict[str, Any]]] = lstm_tagger_score,
        neg_prefix: str = "!",
        label_smoothing: float = 0.0,
        tag_map: Optional[TagMap] = None,
        consistent_labels: bool = True,
        heads: Sequence[str] = tuple(LAYERS),
        min_tree_freq: int = 3,
        lexicon: Optional[Union[Mapping[str, Any], str]] = None,
        lexicon_min_count: int = 0,
        lexicon_in_training: bool = False,
        store_confidence: bool = False,
        store_states: bool = False,
        pretrained: Optional[str] = None,
    ) -> None:
        """Create a tagger. It has no labels yet, unless it is a pretrained one.

        vocab (Vocab): The shared vocabulary.
        model (Model[List[Doc], List[numpy.ndarray]]): A model of the architecture `spacy-lstm-tagger.LSTMTagger.v1`.
        name (str): The component's name in the pipeline.
        overwrite (bool): Whether to replace the labels of a doc of which every word has some, from its tokenizer or
            from another tagger. Labels of some words only, as a rule sets them, are kept in any case, and a token's
            other labels are chosen among those that occur together with them in the training data.
        extend (bool): Whether to keep the features that a token already has, and add the predicted ones. Of two values
            of a feature, `overwrite` decides.
        scorer (Optional[Callable]): The scoring method.
        neg_prefix (str): The beginning of a gold tag that a token does not have.
        label_smoothing (float): Probability that the targets of training give to all labels but the right one.
        tag_map (Optional[TagMap]): The UPOS tag of each fine-grained tag, or the path of a JSON file with them, for
            training data that has no UPOS tags. Other tags become "X".
        consistent_labels (bool): Whether a token only gets labels that occur together in the training data.
        heads (Sequence[str]): What is learned, of what the training data has, and what is set: "tag", "pos", "morph",
            "lemma" and "sents", where sentences begin.
        min_tree_freq (int): How often an edit tree must occur in the training data to be learned.
        lexicon (Optional[Union[Mapping[str, Any], str]]): The labels that words may have, for `set_lexicon`, or a file
            with them. It is read where labels are known: by `initialize`, or at once with `pretrained`. It is then part
            of the tagger.
        lexicon_min_count (int): How often a word must occur in the training data, in any case, for the labels that it
            has there to be the only ones that it may have. 0: no word is limited so.
        lexicon_in_training (bool): Whether labels that a word cannot have are left out of the loss too.
        store_confidence (bool): Whether to store the labels' probabilities, as `token._.tag_confidence`,
            `token._.pos_confidence`, `token._.morph_confidence`, `token._.lemma_confidence` and
            `token._.sents_confidence`.
        store_states (bool): Whether `doc.tensor` gets the LSTM's hidden states. It does in any case if components of
            the pipeline, such as a parser, listen to this one by its name (`spacy.Tok2VecListener.v1`). They are
            trained together, or the tagger is frozen and one of the `annotating_components`.
        pretrained (Optional[str]): The name of a tagger that ships with the package, or that an installed model package
            offers, to start from. `initialize` then restores it.
        """
        unknown = [head for head in heads if head not in LAYERS]
        if unknown:
            raise ValueError(f"heads has {unknown[0]!r}. Use some of: {', '.join(LAYERS)}.")
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.calibrations: Dict[str, Calibration] = {}
        self._is_checked = False
        self._rehearsal_model: Optional[Model[List[Doc], List[numpy.ndarray]]] = None
        self._listeners = Listeners()
        self._postponed: Optional[Optimizer] = None
        self.cfg: Dict[str, Any] = {
            "consistent_labels": consistent_labels,
            "extend": extend,
            "heads": list(heads),
            "label_smoothing": label_smoothing,
            "lexicon": lexicon,
            "lexicon_in_training": lexicon_in_training,
            "lexicon_min_count": lexicon_min_count,
            "min_tree_freq": min_tree_freq,
            "neg_prefix": neg_prefix,
            "overwrite": overwrite,
            "pretrained": pretrained,
            "store_states": store_states,
            "tag_map": tag_map,
        }
        if tag_map is not None and (isinstance(tag_map, Mapping) or Path(tag_map).exists()):
            self.cfg["tag_map"] = read_tag_map(tag_map)  # a trained model has its own map, the file may be gone
        self.store_confidence = store_confidence
        self._lexicon_mask: Optional[LexiconMask] = None
        self._set_labels({})
        if pretrained is not None:
            self._restore_pretrained(pretrained)
            # A saved tagger has its own lexicon, and the file may be gone.
            if lexicon is not None and (isinstance(lexicon, Mapping) or Path(lexicon).exists()):
                self.set_lexicon(lexicon)

    @property
    def labels(self) -> Tuple[str, ...]:
        """RETURNS (Tuple[str, ...]): The fine-grained tags."""
        return tuple(self.label_scheme.labels.get("tag", ()))

    @property
    def pos_labels(self) -> Tuple[str, ...]:
        """RETURNS (Tuple[str, ...]): The UPOS tags of the network; empty if they follow from the fine-grained tags."""
        return tuple(self.label_scheme.labels.get("pos", ()))

    @property
    def morph_labels(self) -> Tuple[str, ...]:
        """RETURNS (Tuple[str, ...]): The bundles of morphological features; "_" is the empty one."""
        return tuple(self.label_scheme.labels.get("morph", ()))

    @property
    def set_layers(self) -> List[str]:
        """RETURNS (List[str]): The layers that the tagger sets: those of its heads that `heads` names, and UPOS if it
        follows from fine-grained tags."""
        scheme = self.label_scheme
        return [layer for layer in scheme.layers if layer in self.cfg["heads"] or layer not in scheme.labels]

    @property
    def label_data(self) -> Labels:
        """RETURNS (Dict[str, List[str]]): The labels of each head, as `initialize` takes them."""
        return {layer: list(labels) for layer, labels in self.label_scheme.labels.items()}

    @property
    def vocabulary(self) -> Vocabulary:
        """RETURNS (Vocabulary): The words of the training data."""
        vocabulary: Vocabulary = self.model.attrs["vocabulary"]
        return vocabulary

    @property
    def lexicon(self) -> Optional[Lexicon]:
        """RETURNS (Optional[Lexicon]): The labels that words may have, if there is a lexicon."""
        return None if self._lexicon_mask is None else self._lexicon_mask.lexicon

    @property
    def listener_map(self) -> Dict[str, List[Model[Any, Any]]]:
        """The layers that listen to the hidden states, by component. spaCy sets it, as it does that of `Tok2Vec`."""
        return self._listeners.by_component

    @listener_map.setter
    def listener_map(self, by_component: Dict[str, List[Model[Any, Any]]]) -> None:
        self._listeners.by_component = by_component

    @property
    def listening_components(self) -> List[str]:
        """RETURNS (List[str]): The names of the components that listen to the hidden states."""
        return list(self.listener_map)

    @property
    def listeners(self) -> List[Model[Any, Any]]:
        """RETURNS (List[Model]): Their layers that do."""
        return self._listeners.layers

    def add_listener(self, listener: Model[Any, Any], component_name: str) -> None:
        """Let a layer of a component listen to the hidden states."""
        if listener not in self.listener_map.setdefault(component_name, []):
            self.listener_map[component_name].append(listener)

    def remove_listener(self, listener: Model[Any, Any], component_name: str) -> bool:
        """RETURNS (bool): Whether the layer listened. It no longer does."""
        if listener not in self.listener_map.get(component_name, []):
            return False
        self.listener_map[component_name].remove(listener)
        if not self.listener_map[component_name]:
            del self.listener_map[component_name]
        return True

    def find_listeners(self, component: Any) -> None:
        """Add those layers of a component that listen to this one by its name."""
        for listener in self._listeners.find(component, self.name):
            self.add_listener(listener, component.name)

    @property
    def store_confidence(self) -> bool:
        """Whether the probabilities of labels are stored, as `token._.tag_confidence` and so on."""
        return bool(self.cfg["store_confidence"])

    @store_confidence.setter
    def store_confidence(self, value: bool) -> None:
        self.cfg["store_confidence"] = value
        if value:
            register_confidence()

    def add_label(self, label: str) -> int:
        """Add a fine-grained tag. What the tagger has learned stays, and the new tag is not the likeliest until it is
        learned.

        label (str): The tag.
        RETURNS (int): 0 if the label is already present, otherwise 1.
        """
        if not isinstance(label, str):
            raise ValueError(Errors.E187)
        if label in self.labels:
            return 0
        if get_shim(self.model).has_module:
            self._grow(NO_DATA, {"tag": [label]})
        else:
            self._set_labels({**self.label_data, "tag": [*self.labels, label]})
        return 1

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[Union[Labels, Sequence[str]]] = None,
        base: Optional[str] = None,
    ) -> None:
        """Collect labels and vocabulary from the training data, and create a network for them. A tagger that has
        learned something keeps it: its heads, vocabulary and edit trees grow by what the data has besides.

        get_examples (Callable[[], Iterable[Example]]): Returns the training data; it is called more than once.
        nlp (Optional[Language]): The pipeline that the component is part of.
        labels (Optional[Union[Dict[str, List[str]], Sequence[str]]]): The labels of each head, as `init labels`
            writes them, or the fine-grained tags alone. By default they are collected from the data.
        base (Optional[str]): Directory or package of a pipeline whose tagger to start from, or the name of a pretrained
            one. In a config, `base` in `[initialize.components.lstm_tagger]`. The network has its sizes then. None:
            that of the setting `pretrained`, as it was, or else the component as it is.
        """
        validate_get_examples(get_examples, "LSTMTaggerPipe.initialize")
        if base is not None:
            self._restore(base)
        elif self.cfg["pretrained"] is not None:
            self._restore_pretrained(self.cfg["pretrained"])
        data = read_training_data(get_examples(), with_tagged=bool(self.cfg["lexicon_min_count"]))
        found = data.collect_labels(self.cfg["neg_prefix"], self.cfg["min_tree_freq"], self.label_data)
        if labels is None:
            labels = found
        elif not isinstance(labels, Mapping):
            labels = {"tag": list(labels)}
        if get_shim(self.model).has_module:
            self._grow(data, labels)
        else:
            util.check_lexeme_norms(self.vocab, "tagger")
            self._create(data, labels, [eg.predicted for eg in islice(get_examples(), 10)])
        learned = learn_entries(data.tagged, self.cfg["lexicon_min_count"]) if self.cfg["lexicon_min_count"] else {}
        if self.cfg["lexicon"] is not None or learned:
            self.set_lexicon({**learned, **read_lexicon(self.cfg["lexicon"] or {})})
        if found and nlp is not None:
            # Layers that the training data lacks do not choose the best step.
            drop_score_weights(nlp, self.name, set(LAYERS) - (set(found) & set(self.label_scheme.layers)))

    def add_heads(self, examples: Iterable[Example]) -> None:
        """Add heads for layers that examples have and the tagger does not, such as lemmas. What it has learned stays.

        examples (Iterable[Example]): The examples, from which the new heads can then be learned.
        """
        data = read_training_data(examples)
        labels = data.collect_labels(self.cfg["neg_prefix"], self.cfg["min_tree_freq"], self.label_data)
        data.words.clear()
        self._grow(data, {layer: names for layer, names in labels.items() if layer not in self.label_scheme.layers})

    def add_known_lemmas(self, lemmas: Mapping[Tuple[str, str], str]) -> None:
        """Give words their lemmas, whatever the network finds likely.

        lemmas (Mapping[Tuple[str, str], str]): The lemma of a word with a UPOS tag: `{("geese", "NOUN"): "goose"}`; of
            a word with any tag where the tagger has no head for UPOS: `{("geese", ""): "goose"}`. Capitals in the word
            count for nothing. Raises a ValueError if the tagger has no head for lemmas, or a tag is none of UPOS.
        """
        scheme = self.label_scheme
        if "lemma" not in scheme.labels:
            raise ValueError("The tagger has no head for lemmas: train it on data that have them.")
        tags = UPOS if "pos" in scheme.labels else ("",)
        for form, upos in lemmas:
            if upos not in tags:
                raise ValueError(
                    f"The UPOS tag of {form!r} is {upos!r} instead of one of: {', '.join(map(repr, tags))}."
                )
        known = scheme.known_lemmas or KnownLemmas.of({})
        self._set_labels(scheme.labels, scheme.combinations, known.with_lemmas(lemmas))

    def set_lexicon(self, lexicon: Optional[Union[Mapping[str, Any], str, Path]]) -> None:
        """Tell the tagger which labels words may have, and what their lemmas are. All others become impossible.

            >>> from spacy_lstm_tagger import load_pipeline
            >>> nlp = load_pipeline("en")
            >>> nlp.get_pipe("lstm_tagger").set_lexicon({"kubectl": {"tag": ["NNP"]}, "rebase": ["NN", "VB", "VBP"]})
            >>> [token.tag_ for token in nlp("kubectl rebase")]
            ['NNP', 'NN']

        lexicon (Optional[Union[Mapping[str, Any], str, Path]]): For each word its labels, or the file that has them,
            see `read_lexicon`. A word in lower case stands for the word in any case. It replaces the lexicon that there
            is; None removes it. Raises a ValueError for labels that the tagger does not have. A word that could get no
            labels at all is chosen freely, with a warning.
        """
        entries = read_lexicon(lexicon) if lexicon is not None else {}
        kept = keep_possible(entries, self.label_scheme)
        self._use_lexicon(Lexicon.of(kept) if kept else None)
        lemmas = {}
        for word, of_word in entries.items():
            tags = of_word.get("pos", UPOS) if "pos" in self.label_scheme.labels else [""]
            lemmas.update({(word, tag): lemma for lemma in of_word.get("lemma", ()) for tag in tags})
        if lemmas:
            self.add_known_lemmas(lemmas)

    def _use_lexicon(self, lexicon: Optional[Lexicon]) -> None:
        self._lexicon_mask = None if lexicon is None else LexiconMask(lexicon, self.label_scheme)
        set_word_mask(self.model, None if self._lexicon_mask is None else self._lexicon_mask.find)

    def _restore(self, base: str) -> None:
        """Take over what another tagger has learned."""
        if base in PRETRAINED:
            self._restore_pretrained(base)
        else:
            self._restore_from(util.load_model(find_pipeline(base)), base)

    def _restore_pretrained(self, name: str) -> None:
        if name in PRETRAINED:
            with pretrained_directory(name) as directory:
                self.from_disk(directory, exclude=["vocab"])
        else:
            self._restore_from(load_package(require_package(name)), name)

    def _restore_from(self, nlp: Language, source: str) -> None:
        taggers = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, LSTMTaggerPipe)]
        if not taggers:
            raise ValueError(f"The pipeline {source} has no component of the factory 'lstm_tagger' to start from.")
        self._load(taggers[0]._to_parts(), source)

    def _grow(self, data: TrainingData, labels: Labels) -> None:
        """Add labels and words to those that the network knows."""
        before = self.label_scheme.labels
        grown = grow_labels(self.label_scheme, data, labels, self.cfg["heads"])
        self.calibrations = {
            layer: kept for layer, kept in self.calibrations.items() if grown.labels[layer] == before[layer]
        }
        self._set_labels(*grown)
        self.vocabulary.fit(data.words)
        for model in filter(None, (self.model, self._rehearsal_model)):
            grow_network(model, self.label_scheme.n_labels)
        self._use_lexicon(self.lexicon)

    def _create(self, data: TrainingData, labels: Labels, docs: Sequence[Doc]) -> None:
        """Create a network for labels and words, and for what a shared encoder gives some docs."""
        known = self.label_data
        merged = {layer: list(dict.fromkeys([*known.get(layer, ()), *labels.get(layer, ())])) for layer in LAYERS}
        labels = {layer: names for layer, names in merged.items() if names and layer in self.cfg["heads"]}
        if not labels:
            raise ValueError(Errors.E143.format(name=self.name))
        combinations = collect_combinations(data.annotations, labels)
        self._set_labels(labels, combinations, data.collect_known_lemmas(labels))
        self.calibrations = {}  # of another network
        if self.label_scheme.unmapped_tags:
            unmapped = ", ".join(self.label_scheme.unmapped_tags)
            warnings.warn(f"tag_map has no UPOS tag for {unmapped}: their tokens get 'X'.", stacklevel=3)
        self.vocabulary.fit(data.words)
        parts = find_label_parts(labels, data.annotations)
        create_network(self.model, self.label_scheme.n_labels, self.vocab, parts, docs)

    def predict(self, docs: Iterable[Doc]) -> List[Prediction]:
        """Find the labels of docs, without changing them.

        docs (Iterable[Doc]): The docs.
        RETURNS (List[Prediction]): The labels of each doc's tokens.
        """
        docs = list(docs)
        calibrations = self.calibrations if self.store_confidence else None
        given = find_given(docs, self.label_scheme, overwrite=self.cfg["overwrite"])
        states = None
        if self._offers_states():
            self._listeners.check_width(states_width(self.model))
            states = numpy.zeros((sum(map(len, docs)), states_width(self.model)), dtype="float32")
        scored = self._score(docs, given, states, all_logits=self.store_confidence)
        return predict_labels(docs, scored, self.label_scheme, calibrations, given, states)

    def set_annotations(self, docs: Iterable[Doc], predictions: Iterable[Prediction]) -> None:
        """Set the labels in docs.

        docs (Iterable[Doc]): The docs.
        predictions (Iterable[Prediction]): The predictions of `predict` for them.
        """
        docs = list(docs)
        if not docs:
            return
        overwrite, extend = self.cfg["overwrite"], self.cfg["extend"]
        if not self._is_checked:
            self._is_checked = check_pipeline(self, docs)
        predictions = list(predictions)
        for doc, prediction in zip(docs, predictions):
            if prediction.states is not None:
                tensor: Any = self.model.ops.asarray(cast(Any, prediction.states))
                doc.tensor = tensor
        set_predictions(
            docs, predictions, self.label_scheme, layers=self.set_layers, overwrite=overwrite, extend=extend
        )

    def _offers_states(self) -> bool:
        """Whether other components read the hidden states from `doc.tensor`."""
        offers = bool(self.cfg["store_states"] or self.listener_map)
        if offers and listens_to_tensors(self.model):
            raise ValueError(
                f"'{self.name}' reads doc.tensor, where spaCy's tok2vec has its vectors, and cannot have its states "
                "there too: let the other components listen to the tok2vec as well, and set store_states = false."
            )
        return offers

    def predict_proba(self, docs: Iterable[Doc]) -> List[Dict[str, numpy.ndarray]]:
        """Find the probability of every label for every token.

        docs (Iterable[Doc]): The docs.
        RETURNS (List[Dict[str, numpy.ndarray]]): For each doc and head ("tag", "pos", "morph") an array of shape
            (n_tokens, n_labels), float32, in the order of the head's labels. Rows sum to 1. Whitespace is
            not given to the network: its labels are all equally likely.

            >>> from spacy_lstm_tagger import load_pipeline
            >>> nlp = load_pipeline("en")
            >>> tagger = nlp.get_pipe("lstm_tagger")
            >>> (probabilities,) = tagger.predict_proba([nlp.make_doc("She reads.")])
            >>> probabilities["pos"].shape
            (3, 17)
            >>> [tagger.pos_labels[i] for i in probabilities["pos"].argmax(1)]
            ['PRON', 'VERB', 'PUNCT']
        """
        if isinstance(docs, (Doc, str)):
            raise TypeError(f"A list of docs was expected, as in predict_proba([doc])[0], not {type(docs).__name__}.")
        docs = list(docs)
        given = find_given(docs, self.label_scheme, overwrite=self.cfg["overwrite"])
        return predict_probabilities(docs, self._score(docs, given), self.label_scheme, self.calibrations)

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
            {head: likeliest(rows, self.label_scheme.labels[head], k) for head, rows in probabilities.items()}
            for probabilities in self.predict_proba(docs)
        ]

    def calibrate(self, examples: Iterable[Example]) -> Dict[str, float]:
        """Fit each head's calibration, so that probabilities agree with accuracies. No label changes.

        It is done whenever training evaluates averaged weights, so that the saved model has the calibrations of
        these weights.

        examples (Iterable[Example]): Examples that were not trained on.
        RETURNS (Dict[str, float]): The temperature of each head: above 1 if the network is too confident, else below.
        """
        validate_examples(examples, "LSTMTaggerPipe.calibrate")
        examples = list(examples)
        scored = list(self._score([eg.predicted for eg in examples]))
        if scored:
            tokens = numpy.concatenate([part.tokens for part in scored])
            logits = {layer: numpy.concatenate([part.logits[layer] for part in scored]) for layer in self.label_data}
            targets = gold_targets(examples, self.label_scheme.labels)
            self.calibrations = fit_calibrations(
                logits, {layer: of_layer[tokens] for layer, of_layer in targets.items()}
            )
        return {layer: calibration.temperature for layer, calibration in self.calibrations.items()}

    def score(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        """Score examples that the pipeline has annotated. In training, calibrate the averaged weights with them.

        examples (Iterable[Example]): The examples.
        RETURNS (Dict[str, Any]): What the component's scorer returns.
        """
        examples = list(examples)
        if get_shim(self.model).uses_averages:
            self.calibrate(examples)
        return super().score(examples, **kwargs)

    def _score(
        self,
        docs: Sequence[Doc],
        given: Optional[numpy.ndarray] = None,
        states: Optional[numpy.ndarray] = None,
        all_logits: bool = True,
    ) -> Iterator[Scored]:
        """Score the tokens of docs. Without all logits, those of edit trees are computed where they are needed, and no
        lemmas are made if other layers alone are set."""
        is_lemma_set = all_logits or "lemma" in self.set_layers or not self.set_layers
        words = Words.of(docs) if docs and self.label_scheme.lemmatizer and is_lemma_set else None
        for tokens, logits, score_late in score_tokens(self.model, docs, states):
            heads = self.label_scheme.split_early_heads(logits)
            if all_logits and words:
                heads[LATE] = score_late(numpy.arange(len(tokens)))
            labels, lemmas = self.label_scheme.choose(
                heads, words and words.take(tokens), None if given is None else given[tokens], score_late
            )
            yield Scored(tokens, heads, labels, lemmas)

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Learn from a batch of examples. If other components listen to the hidden states, their gradients are waited
        for, and are part of the same step.

        examples (Iterable[Example]): The examples.
        drop (float): The dropout rate.
        sgd (Optional[Optimizer]): The optimizer.
        losses (Optional[Dict[str, float]]): The losses so far, to which this one is added.
        RETURNS (Dict[str, float]): The losses.
        """
        losses = {} if losses is None else losses
        examples = list(examples)
        docs = [eg.predicted for eg in examples]
        if not (self.listener_map and self._offers_states() and any(map(len, docs))):
            found: Dict[str, float] = super().update(examples, drop=drop, sgd=sgd, losses=losses)
            return found
        validate_examples(examples, "LSTMTaggerPipe.update")
        self._take_step()  # for the batch before, if not all listeners were trained on it
        set_dropout_rate(self.model, drop)
        scores, update = self.model.begin_update(docs)
        loss, gradient = self.get_loss(examples, scores)
        self._listeners.send(docs, cast(Update, update), gradient, self._take_step)
        if sgd:
            self.finish_update(sgd)
        losses[self.name] = losses.get(self.name, 0.0) + loss
        return losses

    def finish_update(self, sgd: Optimizer) -> None:
        """Take a step with the optimizer, as soon as all listeners have given their gradients."""
        if self._listeners.is_waiting:
            self._postponed = sgd
        else:
            super().finish_update(sgd)

    def _take_step(self) -> None:
        self._listeners.backprop()
        if self._postponed is not None:
            sgd, self._postponed = self._postponed, None
            super().finish_update(sgd)

    def get_loss(self, examples: Iterable[Example], scores: List[numpy.ndarray]) -> Tuple[float, List[numpy.ndarray]]:
        """Compute the loss, and its gradient.

        examples (Iterable[Example]): The examples.
        scores (List[numpy.ndarray]): The model's logits for them, as it gives them in training.
        RETURNS (Tuple[float, List[numpy.ndarray]]): The negative log-likelihood in nats, averaged over the tokens whose
            label is known and summed over the heads, and the gradient with respect to the scores.
        """
        validate_examples(examples, "LSTMTaggerPipe.get_loss")
        examples = list(examples)
        annotations = collect_annotations(eg.reference for eg in examples)
        check_labels(annotations, self.label_data, self.cfg["neg_prefix"])
        targets = find_targets(examples, self.label_scheme.labels, self.cfg["neg_prefix"])
        logits = numpy.concatenate(scores)
        if self.cfg["lexicon_in_training"] and self._lexicon_mask is not None:
            logits = logits + self._mask_logits([eg.predicted for eg in examples], targets, logits.shape)
        loss, gradient = tagging_loss(logits, targets, self.label_scheme, self.cfg["label_smoothing"])
        if numpy.isnan(loss):
            raise ValueError(Errors.E910.format(name=self.name))
        return loss, split(gradient, map(len, scores))

    def _mask_logits(self, docs: Sequence[Doc], targets: Targets, shape: Tuple[int, ...]) -> numpy.ndarray:
        """What is added to logits in training: as in tagging, but for words with a right label that the lexicon does
        not have, which stay free."""
        assert self._lexicon_mask is not None
        mask = self._lexicon_mask.find([token.text for doc in docs for token in doc])
        by_head = self.label_scheme.split_early_heads(mask)
        for layer, of_head in by_head.items():
            right = targets.gold[layer]
            rows = numpy.flatnonzero(right >= 0)
            of_head[rows[of_head[rows, right[rows]] < 0]] = 0.0
        free = numpy.zeros((len(mask), len(self.label_data.get(LATE, ()))), dtype="float32")
        whole = numpy.concatenate([by_head.get(layer, free) for layer in self.label_data], axis=1)
        return numpy.tile(whole, shape[1] // whole.shape[1])

    def rehearse(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Update the model towards its predictions at the time when training was resumed, so that it does not forget.

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
        if is_listening(self.model):
            raise ValueError(
                f"'{self.name}' listens to another component, which spaCy does not rehearse. Call "
                "nlp.replace_listeners first, or leave it out: nlp.rehearse(examples, exclude=[...])."
            )
        set_dropout_rate(self.model, drop)
        scores, backprop = self.model.begin_update(docs)
        set_dropout_rate(self._rehearsal_model, 0.0)
        tutor_scores, _ = self._rehearsal_model.begin_update(docs)
        gradient = rehearsal_gradient(numpy.concatenate(scores), numpy.concatenate(tutor_scores), self.label_scheme)
        gradient /= len(gradient)
        backprop(split(gradient, map(len, docs)))
        if sgd is not None:
            self.finish_update(sgd)
        losses[self.name] += float((gradient**2).sum())
        return losses

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialize the component.

        exclude (Iterable[str]): Parts to leave out: "cfg", "vocab", "vocabulary", "model".
        RETURNS (bytes): The component.
        """
        return serialization.to_bytes(self._to_parts(), self.vocab, exclude)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "LSTMTaggerPipe":
        """Load the component. If the data is damaged, the component stays as it was.

        bytes_data (bytes): What `to_bytes` returned.
        exclude (Iterable[str]): Parts not to load: "cfg", "vocab", "vocabulary", "model".
        RETURNS (LSTMTaggerPipe): Itself.
        """
        self._load(serialization.from_bytes(bytes_data, self.vocab, exclude), "bytes")
        return self

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        """Save the component. If saving is interrupted, what was there before can still be loaded.

        path (Union[str, Path]): The directory. It is replaced.
        exclude (Iterable[str]): Parts to leave out: "cfg", "vocab", "vocabulary", "model".
        """
        serialization.to_disk(Path(path), self._to_parts(), self.vocab, exclude)

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> "LSTMTaggerPipe":
        """Load the component. If a file is missing or damaged, the component stays as it was.

        path (Union[str, Path]): The directory.
        exclude (Iterable[str]): Parts not to load: "cfg", "vocab", "vocabulary", "model".
        RETURNS (LSTMTaggerPipe): Itself.
        """
        self._load(serialization.from_disk(Path(path), self.vocab, exclude), str(path))
        return self

    def _to_parts(self) -> Dict[str, bytes]:
        return storage.to_parts(self.label_scheme, self.calibrations, self.model, self.lexicon)

    def _load(self, parts: Mapping[str, bytes], source: str) -> None:
        learned = storage.from_parts(parts, self.model, source)
        if learned:
            if learned["tag_map"] is not None and not isinstance(self.cfg["tag_map"], Mapping):
                self.cfg["tag_map"] = learned["tag_map"]
            self._set_labels(learned["labels"], storage.read_combinations(learned), learned.get("known_lemmas"))
            self.calibrations = storage.read_calibrations(learned)
            self._use_lexicon(learned.get("lexicon"))

    def _set_labels(
        self,
        labels: Mapping[str, Sequence[str]],
        combinations: Optional[Mapping[int, int]] = None,
        known_lemmas: Optional[KnownLemmas] = None,
    ) -> None:
        self.label_scheme = LabelScheme(
            self.vocab,
            labels,
            combinations,
            known_lemmas=known_lemmas,
            tag_map=self.cfg["tag_map"],
            consistent=self.cfg["consistent_labels"],
        )
