"""How much one request, and how many requests, the service takes."""

from typing import NamedTuple


class Limits(NamedTuple):
    """What is more is answered with an error, before it is read or computed.

    max_bytes (int): The body of a request, in bytes. Answers are up to 300 times as long.
    max_texts (int): The texts of a request.
    max_characters (int): A text, in Unicode characters.
    max_requests (int): How many requests to tag or to explain are taken at the same time. It bounds the memory.
    max_explained_words (int): The words of a text that is explained. Time grows with their square.
    max_words_inside (int): The same where every step of the network is shown, which takes much longer.
    max_pages (int): How many pages of that kind are asked for at the same time.
    seconds_to_send (float): How long a client may take to send a body.
    """

    max_bytes: int = 100_000
    max_texts: int = 1_000
    max_characters: int = 50_000
    max_requests: int = 32
    max_explained_words: int = 100
    max_words_inside: int = 30
    max_pages: int = 2
    seconds_to_send: float = 20.0
