"""The config fragments of docs/encoder.md."""

from typing import Any, Dict, List

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import load_model_from_config
from thinc.api import Config

from .conftest import ROOT, SENTENCES
from .pages import PAGES, blocks

BASE = Config().from_disk(ROOT / "configs" / "fast.cfg", interpolate=False)
(TOK2VEC, IN_PLACE, TRANSFORMERS, CURATED, PARSER, FROZEN) = (
    block.code for block in blocks(PAGES["docs/encoder.md"]) if block.language == "ini"
)
# The sample is small.
RARE = "[components.parser]\nmin_action_freq = 1\n"
HEADS = [[1, 2, 2, 4, 2, 2], [1, 1, 1], [0, 0], [0]]
DEPS = [["det", "nsubj", "ROOT", "det", "dobj", "punct"], ["nsubj", "ROOT", "dobj"], ["ROOT", "punct"], ["ROOT"]]


def build(*fragments: str) -> Language:
    """The pipeline of the config `fast` with what fragments change."""
    config = BASE
    for fragment in fragments:
        config = merge(config, fragment)
    spacy.util.fix_random_seed(0)
    return load_model_from_config(config, auto_fill=True, validate=True)


def merge(config: Config, fragment: str) -> Config:
    """The sections of a fragment need those around them, which the config has."""
    names = [line.strip("[]") for line in fragment.splitlines() if line.startswith("[")]
    around = {".".join(name.split(".")[:depth]) for name in names for depth in range(1, 1 + name.count("."))}
    text = "\n".join(f"[{name}]" for name in sorted(around - set(names)))
    return config.merge(Config().from_str(f"{text}\n{fragment}", interpolate=False))


def learn(nlp: Language, **options: Any) -> Dict[str, float]:
    examples: List[Example] = [
        Example.from_dict(Doc(nlp.vocab, sentence["words"]), {**sentence, "heads": heads, "deps": deps})
        for sentence, heads, deps in zip(SENTENCES, HEADS, DEPS)
    ]
    with nlp.select_pipes(disable=options.get("exclude", [])):
        nlp.initialize(lambda: examples)
    losses: Dict[str, float] = nlp.update(examples, **options)
    return losses


@pytest.mark.parametrize("fragments", [[TOK2VEC], [TOK2VEC, IN_PLACE]], ids=["beside", "in_place"])
def test_tagger_reads_a_tok2vec(fragments: List[str]) -> None:
    nlp = build(*fragments)
    losses = learn(nlp)
    assert losses["tok2vec"] > 0 and losses["lstm_tagger"] > 0
    assert nlp.get_pipe("tok2vec").listening_components == ["lstm_tagger"]


@pytest.mark.parametrize(
    ("package", "fragment"), [("spacy_transformers", TRANSFORMERS), ("spacy_curated_transformers", CURATED)]
)
def test_tagger_listens_to_a_transformer(package: str, fragment: str) -> None:
    """That they learn is tested with transformers small enough."""
    pytest.importorskip(package)
    (layer,) = build(fragment).get_pipe("lstm_tagger").model.layers
    assert any("listener" in node.name for node in layer.walk())


def test_parser_reads_the_tagger() -> None:
    nlp = build(PARSER, RARE)
    assert nlp.get_pipe("lstm_tagger").listening_components == ["parser"]
    assert learn(nlp)["parser"] > 0


def test_parser_reads_a_frozen_tagger() -> None:
    nlp = build(PARSER.replace("256", "320"), RARE, FROZEN)
    before = nlp.get_pipe("lstm_tagger").to_bytes(exclude=["vocab"])
    training = Config().from_str(FROZEN.replace("[components.lstm_tagger]", "[components]\n[components.lstm_tagger]"))
    frozen, annotating = (training["training"][f"{kind}_components"] for kind in ("frozen", "annotating"))
    assert learn(nlp, exclude=frozen, annotates=annotating)["parser"] > 0
    assert nlp.get_pipe("lstm_tagger").to_bytes(exclude=["vocab"]) == before
