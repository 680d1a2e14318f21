"""The script that builds the English models, in small."""

import json
import lzma
import shutil
import sys

import pyarrow
import pytest
import spacy
import srsly

from .conftest import ROOT

transformers = pytest.importorskip("transformers", reason="the script's teacher is a transformer")

SIZES = ("word_width", "affix_width", "character_width", "mix_width", "hidden_width")
SHORT = {
    **{f"components.lstm_tagger.model.{size}": 8 for size in SIZES},
    "steps": 20,
    "training.eval_frequency": 10,
}
TEXT = "The dog ate the apples. She reads an old book about dogs and apples."


@pytest.fixture
def build_model(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "configs" / "en"))
    import build_model

    for settings in (*build_model.STUDENTS.values(), build_model.WITH_ALL_HEADS):
        for name, value in SHORT.items():
            if settings is not build_model.WITH_ALL_HEADS or not name.startswith("components."):
                monkeypatch.setitem(settings, name, value)
    return build_model


@pytest.fixture
def encoder(tmp_path):
    """The files of an encoder with random weights, which knows letters."""
    from safetensors.torch import save_file
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import BertPreTokenizer

    letters = "abcdefghijklmnopqrstuvwxyz.,?!'"
    pieces = ["<s>", "<pad>", "</s>", "[UNK]", *letters, *(f"##{letter}" for letter in letters)]
    tokenizer = Tokenizer(WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = Lowercase(), BertPreTokenizer()
    path = tmp_path / "encoder"
    path.mkdir()
    tokenizer.save(str(path / "tokenizer.json"))
    sizes = {
        "vocab_size": len(pieces),
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 514,
        "pad_token_id": 1,
    }
    (path / "config.json").write_text(json.dumps(sizes))
    network = transformers.MPNetModel(transformers.MPNetConfig(**sizes), add_pooling_layer=False)
    save_file(network.state_dict(), path / "model.safetensors")
    return path


@pytest.mark.slow
def test_ends_with_models_and_their_cards(build_model, encoder, tmp_path, monkeypatch):
    for part in ("train", "dev"):
        shutil.copy(ROOT / "corpus" / f"en_sample-{part}.conllu", tmp_path / f"sample-{part}.conllu")
    (tmp_path / "raw").mkdir()
    with lzma.open(tmp_path / "raw" / "animals.txt.xz", "wt", encoding="utf8") as file:
        file.writelines(f"{n} dogs like to rain. {TEXT}\n" for n in range(200))
    output = tmp_path / "pretrained"
    arguments = [tmp_path, tmp_path / "raw", encoder, "--work", tmp_path / "work", "--output", output]
    monkeypatch.setattr(sys, "argv", ["build_model.py", *map(str, arguments)])
    build_model.main()
    for name in ("en", "en_fast"):
        card = srsly.read_json(output / name / "meta.json")
        assert card["name"] == name and 0 < card["performance"]["pos_acc"] < 1
        nlp = spacy.blank("en")
        nlp.add_pipe("lstm_tagger").from_disk(output / name, exclude=["vocab"])
        assert all(token.pos_ and token.lemma_ for token in nlp(TEXT))

    def train_again(*args, **kwargs):
        raise AssertionError("a step is done again")

    monkeypatch.setattr(build_model, "train", train_again)
    monkeypatch.setattr("teacher.learn", train_again)
    monkeypatch.setattr("label.Labeller.label", train_again)
    build_model.main()
    assert srsly.read_json(output / "en" / "meta.json")["performance"]


def test_known_text_is_left_out(build_model, tmp_path):
    import label

    path = tmp_path / "known.conllu"
    words = TEXT.split()
    path.write_text("".join(f"{i}\t{w}\t_\tX\t_\t_\t_\t_\t_\t_\n" for i, w in enumerate(words, 1)) + "\n")
    ngrams = set(label.find_ngrams(label.read_treebank_text(path)))
    raw = tmp_path / "raw.txt.xz"
    with lzma.open(raw, "wt", encoding="utf8") as file:
        file.write(f"Yesterday {TEXT.lower()}\nThe dog ate the apples.\n")
    (documents,) = label.make_shards("raw", raw, ngrams)
    assert documents == [["The dog ate the apples."]]


def test_a_lemma_is_a_word_of_the_text(build_model, tmp_path):
    import lemmas

    path = tmp_path / "treebank.conllu"
    rows = [("baked", "bake"), ("smiled", "smile"), ("hoped", "hope"), ("walked", "walk"), ("talked", "talk")]
    path.write_text("".join(f"1\t{word}\t{lemma}\tVERB\tVBD\t_\t_\t_\t_\t_\n\n" for word, lemma in rows))
    tags = {(word, "VBD"): 5 for word in ("drained", "loved", "zzed", "walked", "rare")}
    tags.update({("drain", "VB"): 9, ("love", "VBP"): 9, ("walk", "VB"): 9, ("loved", "NN"): 1})
    assert lemmas.find_lemmas(tags, path) == {("drained", "VERB"): "drain", ("loved", "VERB"): "love"}


def test_nouns_take_the_place_of_verbs(build_model, tmp_path):
    import text

    source = tmp_path / "to_verb.txt.xz"
    lines = [
        "I want to eat it.",
        "To eat is fun.",
        "He went to school.",
        "To eat or to eat?",
        "It is nice to eat here.",
    ]
    text.write_lines(source, lines)
    tags = {("eat", "VB"): 5, ("fish", "VB"): 3, ("fish", "NN"): 90, ("school", "NN"): 9, ("dog", "NN"): 9}
    files = text.substitute(tags, source, tmp_path)
    made = sorted(text.read_lines(files["substituted"]))
    assert made == ["I want to fish it.", "It is nice to fish here.", "To fish here is nice.", "To fish is fun."]


def test_infinitives_that_the_teacher_misreads_are_left_out(build_model):
    import label

    words = [["To", "fish", "."], ["To", "Rome", "."], ["I", "fish"]]
    tags = [["PART", "VERB", "PUNCT"], ["ADP", "PROPN", "PUNCT"], ["PRON", "NOUN"]]
    table = label.drop_misread(pyarrow.table({"words": words, "pos": tags}))
    assert table["words"].to_pylist() == [words[0], words[2]]
