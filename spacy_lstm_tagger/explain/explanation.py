"""Why a tagger decides as it does: every number of the forward pass over a text, and what the decisions lean on."""

import html
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Union, cast

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from ..model.features import look_up_types, windows_of
from ..model.shim import get_shim
from ..network.hardware import to_tensor
from ..network.lstm_tagger import LSTMTagger
from ..pipeline.component import LSTMTaggerPipe
from ..pipeline.loading import find_tagger
from ..ragged import split
from .attribution import attribute
from .lexicon import KnownWord, Lexicon, known_words
from .page.page import render_page
from .recurrence import QUANTITIES, score_labels, trace_sentence, trace_spelling

MAX_WORDS = 100


class Explanation(NamedTuple):
    """How the tagger came to its labels for a text. In a notebook it draws itself.

    Whitespace is left out: the network does not see it. Probabilities are the tagger's own. All else is computed in
    float32, from the weights as they are stored.

    text (str): The text.
    words (List[str]): Its words.
    sentence (numpy.ndarray): For each word the number of its sentence, from 0. Sentences are read apart. int64, shape
        (n_words,).
    labels (Dict[str, List[str]]): The labels of each head: "tag", "pos", "morph".
    probabilities (Dict[str, numpy.ndarray]): For each head float32, shape (n_words, n_labels).
    before (Optional[Dict[str, numpy.ndarray]]): The same before training, if it is wanted.
    vectors (numpy.ndarray): The words' vectors. float32, shape (n_members, n_words, width).
    convolved (numpy.ndarray): What the convolution over each word and its neighbours gives, of width 0 if there is
        none. float32, shape (n_members, n_words, convolution_width).
    states (numpy.ndarray): Gates and states in the order of `recurrence.QUANTITIES`. Direction 0 reads rightwards, 1
        leftwards. float32, shape (n_members, depth, n_directions, 6, n_words, hidden_width).
    unit_order (numpy.ndarray): The units in an order in which those stand together that behave alike. int64, shape
        (n_members, depth, n_directions, hidden_width).
    logits (numpy.ndarray): The average of the members' logits, the heads side by side. float32, shape (n_words,
        n_labels of all heads).
    left_out (Dict[str, numpy.ndarray]): For each head the change in the log-probability of a word's label (column) if
        another word (row) is left out of its sentence. NaN for the word itself. float32, shape (n_words, n_words).
    attributions (Dict[str, numpy.ndarray]): For each head what each word (column) adds to the log-probability of a
        word's label (row): integrated gradients, see `attribution`. float32, shape (n_words, n_words).
    differences (Dict[str, numpy.ndarray]): For each head what the rows of `attributions` add up to: the log-probability
        of the word's label, less what it would be if all were the average word. float32, shape (n_words,).
    part_names (List[str]): What a word's part is made up of: that of an unknown word of its length, and what the
        network reads of it.
    parts (Dict[str, numpy.ndarray]): For each head what each of these adds to the word's own label: together the
        diagonal of `attributions`. float32, shape (n_words, n_parts).
    spelling (List[str]): The characters of each word that the network reads. Empty without characters.
    characters (Dict[str, List[numpy.ndarray]]): For each head what each of them adds, together the part "characters".
        For each word float32, shape (n_characters,).
    spellings (List[numpy.ndarray]): Gates and states of the LSTMs that read the words' characters. For each word
        float32, shape (2, 6, n_characters, width / 2).
    lexicon (List[KnownWord]): What is known of each word.
    """

    text: str
    words: List[str]
    sentence: numpy.ndarray
    labels: Dict[str, List[str]]
    probabilities: Dict[str, numpy.ndarray]
    before: Optional[Dict[str, numpy.ndarray]]
    vectors: numpy.ndarray
    convolved: numpy.ndarray
    states: numpy.ndarray
    unit_order: numpy.ndarray
    logits: numpy.ndarray
    left_out: Dict[str, numpy.ndarray]
    attributions: Dict[str, numpy.ndarray]
    differences: Dict[str, numpy.ndarray]
    part_names: List[str]
    parts: Dict[str, numpy.ndarray]
    spelling: List[str]
    characters: Dict[str, List[numpy.ndarray]]
    spellings: List[numpy.ndarray]
    lexicon: List[KnownWord]

    @property
    def chosen(self) -> Dict[str, List[str]]:
        """RETURNS (Dict[str, List[str]]): For each head the label of each word."""
        return {
            head: [self.labels[head][label] for label in table.argmax(axis=1).tolist()]
            for head, table in self.probabilities.items()
        }

    def to_html(self) -> str:
        """RETURNS (str): A page that shows it all, complete in itself."""
        return render_page(self)

    def _repr_html_(self) -> str:
        page = html.escape(self.to_html())
        return f'<iframe srcdoc="{page}" title="Explanation" style="width: 100%; height: 46rem; border: 0"></iframe>'


def explain(
    nlp: Language,
    text: Union[str, Doc],
    *,
    before: Optional[Language] = None,
    candidates: Optional[Iterable[str]] = None,
    max_words: int = MAX_WORDS,
    on_progress: Callable[[float], object] = lambda share: None,
) -> Explanation:
    """Explain why a pipeline's LSTM tagger labels the words of a text as it does.

    nlp (Language): The pipeline. The components before the tagger are applied first.
    text (Union[str, Doc]): The text.
    before (Optional[Language]): The pipeline before it was trained, to compare its probabilities.
    candidates (Optional[Iterable[str]]): Words to look for neighbours among, and to take the average word from, besides
        those of the text. None: the known words whose text the pipeline's vocab has. The tagger itself keeps no text.
    max_words (int): The most words that are explained. Time and memory grow with their square.
    on_progress (Callable[[float], object]): Is given the share of the work that was done since it was last called.
    RETURNS (Explanation): The explanation. Raises a ValueError if there is no word, or too many.
    """
    tagger = find_tagger(nlp)
    doc = _read(nlp, tagger, text)
    rows = [token.i for token in doc if not token.is_space]
    words = [doc[row].text for row in rows]
    if not words:
        raise ValueError(f"There is nothing to explain in the text {doc.text!r}: it has no words.")
    if len(words) > max_words:
        raise ValueError(
            f"The text has {len(words)} words, and at most {max_words} are explained. Shorten it, or set max_words."
        )
    lengths = windows_of(tagger.model, [doc]).lengths.tolist()
    if sum(lengths) != len(words):
        size = tagger.model.attrs["settings"].window_size
        raise ValueError(f"A sentence is longer than the tagger's window_size of {size} words. Split it.")
    sentences = split(words, lengths)
    probabilities = {head: table[rows] for head, table in tagger.predict_proba([doc])[0].items()}
    # shape: (n_words, n_heads)
    chosen = numpy.stack([table.argmax(1) for table in probabilities.values()], axis=1)
    network = cast(LSTMTagger, get_shim(tagger.model).as_stored().requires_grad_(False).cpu())
    lexicon = Lexicon(tagger, network, [*(known_words(tagger) if candidates is None else candidates), *words])
    parts = [
        _explain_sentence(tagger, network, sentence, labels, lexicon.average, lambda n: on_progress(n / len(words)))
        for sentence, labels in zip(sentences, split(chosen, lengths))
    ]
    states = numpy.concatenate([part.states for part in parts], axis=4)
    return Explanation(
        text=doc.text,
        words=words,
        sentence=numpy.repeat(numpy.arange(len(lengths)), lengths),
        labels=tagger.label_data,
        probabilities=probabilities,
        before=None if before is None else _probabilities_before(before, tagger, sentences),
        vectors=numpy.concatenate([part.vectors for part in parts], axis=1),
        convolved=numpy.concatenate([part.convolved for part in parts], axis=1),
        states=states,
        unit_order=order_units(states),
        logits=numpy.concatenate([part.logits for part in parts]),
        left_out=_leave_out(tagger, sentences, probabilities, chosen),
        attributions={
            head: _block_diagonal([part.attributions[i] for part in parts]) for i, head in enumerate(probabilities)
        },
        differences={
            head: numpy.concatenate([part.differences[i] for part in parts]) for i, head in enumerate(probabilities)
        },
        part_names=_part_names(tagger, network),
        parts={head: numpy.concatenate([part.parts[i] for part in parts]) for i, head in enumerate(probabilities)},
        spelling=[tagger.vocabulary.read_characters(word) if network.encoder.characters else "" for word in words],
        characters={
            head: [scores for part in parts for scores in part.characters[i]] for i, head in enumerate(probabilities)
        },
        spellings=[spelling for part in parts for spelling in part.spellings],
        lexicon=lexicon.look_up(words),
    )


class _Sentence(NamedTuple):
    """The fields of `Explanation` that come from the network, for one sentence. The heads come in their order."""

    vectors: numpy.ndarray
    convolved: numpy.ndarray
    states: numpy.ndarray
    logits: numpy.ndarray
    attributions: numpy.ndarray
    differences: numpy.ndarray
    parts: numpy.ndarray
    characters: List[List[numpy.ndarray]]
    spellings: List[numpy.ndarray]


def _read(nlp: Language, tagger: LSTMTaggerPipe, text: Union[str, Doc]) -> Doc:
    """Read a text up to where the tagger takes over."""
    doc = nlp.make_doc(text) if isinstance(text, str) else text.copy()
    for _, pipe in nlp.pipeline:
        if pipe is tagger:
            break
        doc = pipe(doc)
    return doc


def _explain_sentence(
    tagger: LSTMTaggerPipe,
    network: LSTMTagger,
    words: List[str],
    labels: numpy.ndarray,
    average: numpy.ndarray,
    on_progress: Callable[[float], object],
) -> _Sentence:
    types = look_up_types(tagger.model, tagger.vocab, words, "cpu")
    vectors = network.encoder(types)
    trace = trace_sentence(network, vectors)
    inputs = to_tensor(labels, vectors), to_tensor(average, vectors)
    attributions = attribute(network, types, *inputs, on_progress)
    lengths = (types.characters > 0).sum(1).tolist()
    spellings = []
    if network.encoder.characters is not None:
        for characters, length in zip(types.characters, lengths):
            spellings.append(trace_spelling(network.encoder.characters, characters[:length]).numpy())
    return _Sentence(
        vectors=vectors.unflatten(1, (len(network.members), -1)).transpose(0, 1).numpy(),
        convolved=trace.features[..., trace.features.shape[-1] - network.sizes.convolution_width :].numpy(),
        states=trace.states.numpy(),
        logits=numpy.concatenate([logits.numpy() for logits in score_labels(network, trace.features)], axis=1),
        attributions=attributions.words.numpy(),
        differences=attributions.difference.numpy(),
        parts=attributions.parts.numpy(),
        characters=[[row[:length].numpy() for row, length in zip(rows, lengths)] for rows in attributions.characters],
        spellings=spellings,
    )


def _leave_out(
    tagger: LSTMTaggerPipe,
    sentences: List[List[str]],
    probabilities: Dict[str, numpy.ndarray],
    chosen: numpy.ndarray,
) -> Dict[str, numpy.ndarray]:
    """Tag each sentence again without each of its words."""
    n_words = len(chosen)
    changes = {head: numpy.zeros((n_words, n_words), dtype="float32") for head in probabilities}
    shortened: List[Doc] = []
    # For each shortened sentence which word it lacks, and which it has.
    missing: List[int] = []
    present: List[List[int]] = []
    start = 0
    for sentence in sentences:
        places = range(start, start + len(sentence))
        for i, place in enumerate(places):
            shortened.append(Doc(tagger.vocab, words=sentence[:i] + sentence[i + 1 :]))
            missing.append(place)
            present.append([other for other in places if other != place])
        start += len(sentence)
    for place, others, without in zip(missing, present, tagger.predict_proba(shortened)):
        for column, (head, table) in enumerate(probabilities.items()):
            labels = chosen[others, column]
            difference = _log(without[head][range(len(others)), labels]) - _log(table[others, labels])
            changes[head][place, others] = difference
            changes[head][place, place] = numpy.nan
    return changes


def _log(probabilities: numpy.ndarray) -> numpy.ndarray:
    return numpy.log(numpy.maximum(probabilities, numpy.finfo("float32").tiny))


def _probabilities_before(
    before: Language, tagger: LSTMTaggerPipe, sentences: List[List[str]]
) -> Dict[str, numpy.ndarray]:
    untrained = find_tagger(before)
    if untrained.label_data != tagger.label_data:
        raise ValueError(
            f"The pipeline before training has other labels ({_count(untrained)}) than the one after it "
            f"({_count(tagger)}), so their probabilities can't be compared."
        )
    tables = untrained.predict_proba([Doc(before.vocab, words=sentence) for sentence in sentences])
    return {head: numpy.concatenate([table[head] for table in tables]) for head in tagger.label_data}


def _count(tagger: LSTMTaggerPipe) -> str:
    return ", ".join(f"{head}: {len(labels)}" for head, labels in tagger.label_data.items())


def _part_names(tagger: LSTMTaggerPipe, network: LSTMTagger) -> List[str]:
    settings = tagger.vocabulary.settings
    affixes = [f"prefix of {n}" for n in settings["prefixes"]] + [f"suffix of {n}" for n in settings["suffixes"]]
    affixes += ["shape"] if settings["shape"] else []
    return [
        "an unknown word",
        "word",
        *affixes[: len(network.encoder.affixes)],
        *(["characters"] if network.encoder.characters is not None else []),
        *(["static vector"] if network.sizes.vector_width else []),
    ]


def order_units(states: numpy.ndarray) -> numpy.ndarray:
    """Order units so that those stand together whose states change alike over the words.

    By the angle of each unit in the plane of the first two principal axes, as in Friendly (2002),
    https://doi.org/10.1198/000313002533, from the widest gap on.

    states (numpy.ndarray): As in `Explanation`.
    RETURNS (numpy.ndarray): As in `Explanation`.
    """
    hidden = states[:, :, :, QUANTITIES.index("hidden")]
    # A sentence of one word has one axis.
    padded = numpy.concatenate([hidden, numpy.zeros_like(hidden[..., :1, :])], axis=-2)
    axes = numpy.linalg.svd(padded, full_matrices=False)[2]
    angles = numpy.arctan2(axes[..., 1, :], axes[..., 0, :])
    order = numpy.argsort(angles, axis=-1, kind="stable")
    ordered = numpy.take_along_axis(angles, order, -1)
    gaps = numpy.diff(ordered, axis=-1, prepend=ordered[..., -1:] - 2 * numpy.pi)
    first = gaps.argmax(-1)[..., None]
    places = (numpy.arange(order.shape[-1]) + first) % order.shape[-1]
    return numpy.take_along_axis(order, places, -1)


def _block_diagonal(blocks: Sequence[numpy.ndarray]) -> numpy.ndarray:
    """Words of other sentences add nothing."""
    n_words = sum(map(len, blocks))
    joined = numpy.zeros((n_words, n_words), dtype="float32")
    end = 0
    for block in blocks:
        start, end = end, end + len(block)
        joined[start:end, start:end] = block
    return joined
