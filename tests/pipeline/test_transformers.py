"""A tagger that reads a transformer, through spacy-transformers and spacy-curated-transformers. The transformers are
tiny ones of random weights, so that nothing is fetched."""

from pathlib import Path
from typing import Any, Dict

import pytest
import spacy
from spacy.language import Language
from spacy.util import load_model_from_config
from thinc.api import Config

import spacy_lstm_tagger as lt

from ..conftest import SENTENCES, SMALL_MODEL, TEXTS, make_examples, train

WIDTH = 16
SECTIONS = """
[components]

[components.lstm_tagger]

[components.lstm_tagger.model]

[initialize]

[initialize.components]

[initialize.components.transformer]
"""
TRANSFORMERS = """
[components.transformer]
factory = "transformer"

[components.transformer.model]
@architectures = "spacy-transformers.TransformerModel.v3"
name = "PATH"
get_spans = {"@span_getters": "spacy-transformers.doc_spans.v1"}
tokenizer_config = {"use_fast": true}

[components.lstm_tagger.model.tok2vec]
@architectures = "spacy-transformers.TransformerListener.v1"
pooling = {"@layers": "reduce_mean.v1"}
"""
CURATED = """
[components.transformer]
factory = "curated_transformer"
all_layer_outputs = ALL

[components.transformer.model]
@architectures = "spacy-curated-transformers.BertTransformer.v1"
vocab_size = VOCAB
hidden_width = 16
num_hidden_layers = 1
num_attention_heads = 2
intermediate_width = 16
piece_encoder = {"@architectures": "spacy-curated-transformers.BertWordpieceEncoder.v1"}
with_spans = {"@architectures": "spacy-curated-transformers.WithStridedSpans.v1"}

[initialize.components.transformer.piecer_loader]
@model_loaders = "spacy-curated-transformers.HFPieceEncoderLoader.v1"
name = "PATH"
"""
LAST_LAYER = """
[components.lstm_tagger.model.tok2vec]
@architectures = "spacy-curated-transformers.LastTransformerLayerListener.v1"
width = 16
pooling = {"@layers": "reduce_mean.v1"}
"""
ALL_LAYERS = """
[components.lstm_tagger.model.tok2vec]
@architectures = "spacy-curated-transformers.ScalarWeightingListener.v1"
width = 16
pooling = {"@layers": "reduce_mean.v1"}
weighting = {"@architectures": "spacy-curated-transformers.ScalarWeight.v1", "num_layers": 1}
"""
KINDS = {
    "transformer": ("spacy_transformers", TRANSFORMERS),
    "curated_last": ("spacy_curated_transformers", CURATED.replace("ALL", "false") + LAST_LAYER),
    "curated_all": ("spacy_curated_transformers", CURATED.replace("ALL", "true") + ALL_LAYERS),
}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [*SPECIAL, *(word for sentence in SENTENCES for word in sentence["words"]), *"abcdefghijklmnopqrstuvwxyz,'1"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformer of random weights, with its tokenizer, as Hugging Face's library stores it."""
    transformers = pytest.importorskip("transformers")
    path = tmp_path_factory.mktemp("transformer")
    pieces = list(dict.fromkeys(PIECES))
    (path / "vocab.txt").write_text("\n".join(pieces), "utf8")
    transformers.BertTokenizerFast(str(path / "vocab.txt"), do_lower_case=False).save_pretrained(path)
    sizes = {"hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": WIDTH}
    transformers.BertModel(transformers.BertConfig(vocab_size=len(pieces), **sizes)).save_pretrained(path)
    return path


def make_config(text: str, directory: Path) -> Dict[str, Any]:
    text = text.replace("PATH", str(directory)).replace("VOCAB", str(len(set(PIECES))))
    config: Dict[str, Any] = Config().from_str(SECTIONS + text)
    config["nlp"] = {"lang": "en", "pipeline": ["transformer", "lstm_tagger"]}
    tagger = config["components"]["lstm_tagger"]
    tagger.update(factory="lstm_tagger", model={**SMALL_MODEL, **tagger["model"]})
    return config


@pytest.fixture(params=KINDS, scope="module")
def nlp(request: pytest.FixtureRequest, directory: Path) -> Language:
    package, text = KINDS[request.param]
    pytest.importorskip(package)
    spacy.util.fix_random_seed(0)
    nlp = load_model_from_config(make_config(text, directory), auto_fill=True)
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    transformer = nlp.get_pipe("transformer")
    before = transformer.to_bytes()
    with pytest.MonkeyPatch.context() as patch:
        # spacy-curated-transformers 0.3 makes an array with one element a float, which numpy 2.4 refuses.
        if package == "spacy_curated_transformers":
            patch.setattr(f"{package}.pipeline.transformer.float", lambda value: value.item(), raising=False)
        train(nlp, examples, optimizer, 40)
    assert transformer.to_bytes() != before
    return nlp


# Not texts without words, on which both packages raise errors.
def labels(nlp: Language) -> Any:
    return [[(token.tag_, token.pos_, str(token.morph)) for token in doc] for doc in nlp.pipe(filter(str.strip, TEXTS))]


def test_both_learn_and_are_the_same_from_disk(nlp: Language, tmp_path: Path) -> None:
    assert nlp.evaluate(make_examples(nlp))["tag_acc"] == 1.0
    nlp.to_disk(tmp_path / "model")
    assert labels(spacy.load(tmp_path / "model")) == labels(nlp)


def test_with_a_copy_of_the_transformer_it_needs_no_other_component(nlp: Language, tmp_path: Path) -> None:
    nlp.to_disk(tmp_path / "model")
    alone = spacy.load(tmp_path / "model")
    alone.replace_listeners("transformer", "lstm_tagger", ["model.tok2vec"])
    alone.remove_pipe("transformer")
    assert labels(alone) == labels(nlp)
    alone.to_disk(tmp_path / "alone")
    assert labels(spacy.load(tmp_path / "alone")) == labels(nlp)
    assert labels(lt.replace_taggers(spacy.blank("en"), model=alone)) == labels(nlp)
