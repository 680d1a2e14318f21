"""The sizes that a network is built from."""

from typing import Dict, Iterator, NamedTuple, Sequence, Tuple

# Width of a character's embedding.
CHARACTER_WIDTH = 32


class NetworkSizes(NamedTuple):
    """The sizes of an :class:`LSTMTagger`: all that the shapes of its weights depend on.

    :param n_words: rows of the word embedding, with the row of unknown words.
    :param n_affixes: rows of each embedding of a prefix, a suffix or the shape.
    :param n_characters: rows of the character embedding; 0 if characters are not read.
    :param n_labels: number of labels of each head, by the head's name.
    :param word_width: width of a word's embedding.
    :param affix_width: width of each embedding of a prefix, a suffix or the shape.
    :param character_width: width of a word's vector from its characters, half of it for each direction.
    :param vector_width: width of the static vectors; 0 if there are none.
    :param tune_vectors: whether a correction is learned for the static vector of each known word.
    :param mix_width: width to which the concatenated embeddings of a word are projected; 0 leaves them as they are.
    :param convolution_width: width of a convolution over each word and its two neighbours, which is part of the heads'
        input; 0 if there is none.
    :param hidden_width: units of each LSTM layer and direction.
    :param depth: number of LSTM layers.
    :param bidirectional: whether each layer reads the sentence in both directions.
    :param skip: whether layers of equal width are residual and the heads' input also has the word's own vector.
    :param n_members: number of networks above the embeddings; their logits are averaged.
    """

    n_words: int
    n_affixes: Sequence[int]
    n_characters: int
    n_labels: Dict[str, int]
    word_width: int
    affix_width: int
    character_width: int
    vector_width: int
    tune_vectors: bool
    mix_width: int
    hidden_width: int
    depth: int
    bidirectional: bool
    skip: bool
    n_members: int
    convolution_width: int = 0


def weight_shapes(sizes: NetworkSizes) -> Iterator[Tuple[str, Tuple[int, ...]]]:
    """Yield name and shape of each weight that a :class:`LSTMTagger` of the sizes has, without taking memory for it, so
    that sizes from a file can be compared with the weights that are there.
    """
    yield "encoder.word.weight", (sizes.n_words, sizes.word_width)
    for i, n_affixes in enumerate(sizes.n_affixes):
        yield f"encoder.affixes.{i}.weight", (n_affixes, sizes.affix_width)
    width = sizes.word_width + len(sizes.n_affixes) * sizes.affix_width + sizes.vector_width
    if sizes.n_characters:
        yield "encoder.characters.embedding.weight", (sizes.n_characters, CHARACTER_WIDTH)
        for direction in ("rightwards", "leftwards"):
            yield from _lstm_shapes(f"encoder.characters.{direction}", CHARACTER_WIDTH, sizes.character_width // 2)
        width += sizes.character_width
    if sizes.tune_vectors and sizes.vector_width:
        yield "encoder.corrections.weight", (sizes.n_words, sizes.vector_width)
    for i in range(sizes.n_members if sizes.mix_width else 0):
        yield f"encoder.mixes.{i}.0.weight", (sizes.mix_width, width)
        for part in ("0.bias", "2.weight", "2.bias"):
            yield f"encoder.mixes.{i}.{part}", (sizes.mix_width,)
    word_width = sizes.mix_width or width // sizes.n_members
    directions = ("rightwards", "leftwards") if sizes.bidirectional else ("rightwards",)
    hidden_width = sizes.hidden_width * len(directions)
    head_width = hidden_width + (word_width if sizes.skip else 0) + sizes.convolution_width
    for i in range(sizes.n_members):
        if sizes.convolution_width:
            yield f"members.{i}.convolution.weight", (sizes.convolution_width, 3 * word_width)
            yield f"members.{i}.convolution.bias", (sizes.convolution_width,)
        for depth in range(sizes.depth):
            for direction in directions:
                name = f"members.{i}.layers.{depth}.{direction}"
                yield from _lstm_shapes(name, hidden_width if depth else word_width, sizes.hidden_width)
        for head, n_labels in sizes.n_labels.items():
            yield f"members.{i}.heads.{head}.weight", (n_labels, head_width)
            yield f"members.{i}.heads.{head}.bias", (n_labels,)


def _lstm_shapes(name: str, width: int, hidden_width: int) -> Iterator[Tuple[str, Tuple[int, ...]]]:
    yield f"{name}.weight_ih_l0", (4 * hidden_width, width)
    yield f"{name}.weight_hh_l0", (4 * hidden_width, hidden_width)
    for part in ("bias_ih_l0", "bias_hh_l0"):
        yield f"{name}.{part}", (4 * hidden_width,)
