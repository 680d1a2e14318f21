"""One spelling for the same word, however it was typed: quotes, dashes, spaces, digits, Unicode normal forms."""

import re
import unicodedata
from typing import Dict

# A saved vocabulary names the rules that its words were spelled by. 0: none. 1: those below. 2: those, and quotation
# marks show which way they point, see `quotation_marks`.
LATEST_RULES = 2

# What becomes of a character, by its category and name in Unicode: the first rule that matches.
_MARK = r"^(P.|Lm|Sk|So) "
_RULES = [
    (r"^Cf|VARIATION SELECTOR|COMBINING GRAPHEME JOINER|HANGUL .*FILLER|ARABIC TATWEEL", ""),
    (r"^Sc", "$"),
    (r"^Pd .*WAV", "~"),
    (r"^Pd|^.. (MINUS SIGN|HYPHEN BULLET)$", "-"),
    (r"^.. (FRACTION|DIVISION) SLASH$", "/"),
    (_MARK + r"(?!.*SINGLE).*(QUOTATION MARK|DOUBLE PRIME|DOUBLE APOSTROPHE|GERSHAYIM)", '"'),
    (_MARK + r".*(QUOTATION MARK|PRIME|APOSTROPHE|GERESH|GRAVE ACCENT|TURNED COMMA|SALTILLO)", "'"),
    (r"^Po .*(INVERTED|REVERSED|TURNED|IDEOGRAPHIC COMMA)", None),
    (r"^Po .*(FULL STOP|DANDA)$", "."),
    (r"^Po .*COMMA$", ","),
    (r"^Po .*SEMICOLON$", ";"),
    (r"^Po .*COLON$", ":"),
    (r"^Po .*QUESTION MARK$", "?"),
    (r"^Po .*EXCLAMATION MARK$", "!"),
]
# What NFKC makes of an acute accent that stands alone, which people type for an apostrophe.
_ACUTE_ACCENT = " \N{COMBINING ACUTE ACCENT}"
# Words of several characters that are one mark: --- for a dash, '' for a quotation mark, US$ for a currency.
_WHOLE_WORDS = [(re.compile("--+"), "-"), (re.compile("''"), '"'), (re.compile(r"[^\W\d_]{1,3}\$"), "$")]


def normalize(word: str) -> str:
    """Bring a word into the spelling by which it is looked up.

    First NFKC (https://unicode.org/reports/tr15/). Then quotes and apostrophes become " and ', dashes and minus -,
    currency symbols $, decimal digits those of ASCII, punctuation of other scripts that of ASCII, and what is invisible
    is left out: by the categories and names that Unicode gives to characters. spaCy's `NORM` maps no more than this.

    word (str): The word.
    RETURNS (str): Its normal spelling. Normalizing it again changes nothing. If nothing is left: the word itself.
    """
    spelling = unicodedata.normalize("NFKC", word).replace(_ACUTE_ACCENT, "'")
    spelling = unicodedata.normalize("NFKC", spelling.translate(_CHARACTERS))
    spelling = " ".join(spelling.split())
    for pattern, replacement in _WHOLE_WORDS:
        if pattern.fullmatch(spelling):
            return replacement
    return spelling or word


class _Characters(Dict[int, str]):
    """What becomes of each character, found when it is first met."""

    def __missing__(self, codepoint: int) -> str:
        self[codepoint] = replacement = _replace(chr(codepoint))
        return replacement


_CHARACTERS = _Characters()


def _replace(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    description = f"{category} {unicodedata.name(character, '')}"
    replacement = next((replacement for pattern, replacement in _RULES if re.search(pattern, description)), None)
    # Romanian is typed with a comma or with a cedilla below s and t.
    cedilla = unicodedata.normalize("NFD", character).replace("\N{COMBINING COMMA BELOW}", "\N{COMBINING CEDILLA}")
    return unicodedata.normalize("NFC", cedilla) if replacement is None else replacement
