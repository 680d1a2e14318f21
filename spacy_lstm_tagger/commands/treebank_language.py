"""The language of a treebank, and a tokenizer for it, as spaCy has them."""

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Iterator, Optional, Type

from spacy.language import Language
from spacy.util import get_lang_class
from thinc.api import Config
from wasabi import msg

from ..formats.treebank_directory import Treebank
from ..shipped import find_config, shipped_configs

MULTIPLE = "xx"
# Universal Dependencies has both written forms of Norwegian under one code.
BOKMAAL, NYNORSK = "nb", "nn"
TREEBANK_TOKENIZER = {"@tokenizers": "spacy-lstm-tagger.TreebankTokenizer.v1"}
GENERAL_TOKENIZER = {"@tokenizers": "spacy-lstm-tagger.JoiningTokenizer.v1"}
# What spaCy's tokenizers for these languages do, where nothing else is configured.
LIMITS = {"zh": "makes a token of each character.", MULTIPLE: "splits at spaces and punctuation alone."}


def choose_language(treebank: Optional[Treebank], config: str) -> Optional[str]:
    """Choose spaCy's language for a treebank, and tell of it.

    treebank (Optional[Treebank]): The treebank.
    config (str): The config that is trained with. If it is none of those that ship, its language counts.
    RETURNS (Optional[str]): The code of the language, or of "multi-language" if spaCy lacks it; None for the config's.
    """
    if treebank is None or not treebank.language:
        return None
    code = treebank.language
    if code == "no":
        code = NYNORSK if "nynorsk" in treebank.name.lower() else BOKMAAL
    language = _find_class(code)
    known = language.lang if language else None
    if config not in shipped_configs():
        text = find_config(config).read_text("utf8")
        config_lang = Config().from_str(text, interpolate=False).get("nlp", {}).get("lang")
        if known not in (None, config_lang):
            msg.warn(f"{treebank.name} has the language {known}, and {config} has {config_lang}, which is used.")
        return None
    if known is None:
        msg.warn(
            f"{treebank.name}: spaCy has no language '{code}'. The pipeline's is '{MULTIPLE}'.",
            "Choose another one with --lang",
        )
        return MULTIPLE
    msg.info(f"{treebank.name}: language {known}, licence {treebank.license or 'not known'}")
    return known


@contextmanager
def with_tokenizer(config_path: Path, lang: Optional[str], base: Optional[str]) -> Iterator[Path]:
    """Give a config a tokenizer that learns from the training data how its text is split: by the rules of the language,
    or the general one if that of the language cannot be used here, or finds no words.

    config_path (Path): The config.
    lang (Optional[str]): The language. None: the config's.
    base (Optional[str]): A pipeline whose tokenizer takes the place of either; then nothing is told.
    RETURNS (ContextManager[Path]): The config, or one in a temporary directory with another tokenizer.
    """
    config = Config().from_disk(config_path, interpolate=False)
    lang = lang or str(config["nlp"]["lang"])
    language = _find_class(lang)
    reason = None if language is None else _find_reason(language)
    learns = language is not None and reason is None and base is None and _has_rules(language)
    if "tokenizer" in config["nlp"] or not (reason or learns):
        yield config_path
        return
    if learns:
        msg.info(f"The tokenizer has the rules of '{lang}', and learns exceptions to them from the training data.")
    elif base is None:
        msg.warn(
            f"The tokenizer of spaCy's '{lang}' {reason}",
            "The pipeline has a general one, which splits at spaces and punctuation, and between characters of scripts "
            "without spaces, and joins the words of the training data. For another, add [nlp.tokenizer] to the config.",
        )
    config["nlp"]["tokenizer"] = TREEBANK_TOKENIZER if learns else GENERAL_TOKENIZER
    with TemporaryDirectory() as directory:
        path = Path(directory) / config_path.name
        config.to_disk(path)
        yield path


def _find_class(lang: str) -> Optional[Type[Language]]:
    try:
        return get_lang_class(lang)
    except ImportError:
        return None


def _has_rules(language: Type[Language]) -> bool:
    """Whether a language has spaCy's own tokenizer, and not one of its own."""
    return bool(language.default_config["nlp"]["tokenizer"]["@tokenizers"] == "spacy.Tokenizer.v1")


def _find_reason(language: Type[Language]) -> Optional[str]:
    """Why not to use a language's tokenizer, such as a package that is not installed."""
    try:
        language()
    except ImportError as error:
        return f"cannot be used: {str(error).splitlines()[0]}"
    return LIMITS.get(language.lang or "")
