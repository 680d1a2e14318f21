"""The sizes that a network is built from."""

from typing import Any, Dict, NamedTuple, Sequence

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
    :param shared_width: width of the vectors that a shared encoder gives each token; 0 if there is none.
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
    shared_width: int = 0

    def to_json(self) -> Dict[str, Any]:
        """:returns: the sizes as they are stored: without a shared encoder as before there were any."""
        sizes = self._asdict()
        if not self.shared_width:
            del sizes["shared_width"]
        return sizes
