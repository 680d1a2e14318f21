"""Training data with mistakes: an error that names file and place, or what spaCy's own reader makes of it.

`pytest --slow tests/formats/test_hostile_treebanks.py` reads 20,000 damaged files, the fast suite a few hundred.
"""

import random
import re
import zlib

import pytest
import spacy
import srsly
from spacy.training import Example
from spacy.training.converters import conllu_to_docs
from spacy.vocab import Vocab

from spacy_lstm_tagger.annotation_layers import UPOS
from spacy_lstm_tagger.formats.treebank import FORMATS, read_docs

from ..conftest import SMALL_MODEL
from .test_treebank import CONLLU, FORMS, row

CONTENTS = {**{name: content for name, (_, content) in FORMS.items()}, "rich": CONLLU.encode()}
FORM_OF = {**{name: form for name, (form, _) in FORMS.items()}, "rich": "conllu"}
PIECES = [
    b"\t",
    b"\n",
    b"\n\n",
    b"\r\n",
    b" ",
    b"/",
    b"_",
    b"#",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b'"',
    b"[",
    b"]",
    b"{}",
]
PIECES += [
    b"1-2",
    b"3.1",
    b"99",
    b"-1",
    b"NOUN",
    b"A=B|A=C",
    b"A=",
    b"|",
    b"SpaceAfter=No",
    b'"\\ud800"',
    b"null",
    b"[" * 2000,
]
PLACES = ["line", "task", "sentence", "byte", "column", "row"]
NO_PLACE = ["is empty", "no annotated sentence", r"whole \.spacy", "none of the formats", "recursion depth"]
PLACE = re.compile("|".join([*(rf"{name} \d+" for name in PLACES), *NO_PLACE]))


def damage(draw, content):
    """Change a file's content in one to three places."""
    data = bytearray(content)
    for _ in range(draw.randint(1, 3)):
        i, j = sorted(draw.randrange(len(data) + 1) for _ in range(2))
        action = draw.randrange(6)
        if action == 0 and i < len(data):
            data[i] ^= 1 << draw.randrange(8)
        elif action == 1:
            data[i:i] = draw.choice(PIECES)
        elif action == 2:
            del data[i : draw.choice([i + 1, i + 3, j])]
        elif action == 3:
            data[i : i + draw.randrange(5)] = draw.choice(PIECES)
        elif action == 4:
            data[i:i] = data[i:j]
        else:
            lines = data.split(b"\n")
            draw.shuffle(lines)
            data = bytearray(b"\n".join(lines))
    return bytes(data)


def damage_doc_bin(draw, content):
    """Damage within the compression, which has a checksum of its own."""
    message = srsly.msgpack_loads(zlib.decompress(content))
    key = draw.choice(sorted(message))
    if draw.random() < 0.3:
        del message[key]
    elif isinstance(message[key], bytes):
        message[key] = damage(draw, message[key])
    else:
        message[key] = draw.choice([None, [], [1, 2, 3], ["a"], {"a": 1}, "x", message[key][:1], message[key] * 2])
    return zlib.compress(srsly.msgpack_dumps(message))


def check_annotation(docs):
    """What training relies on."""
    for doc in docs:
        for token in doc:
            assert token.text
            assert token.pos_ in UPOS or token.pos_ in ("", "SPACE", "CONJ", "EOL")


def check_against_spacy(docs, text):
    """spaCy's converter takes UPOS where there is no tag, and is asked for what it can read alone."""
    try:
        oracle = list(conllu_to_docs(text, n_sents=1, no_print=True))
    except Exception:
        return False
    ours = [(t.text, t.pos_, str(t.morph)) for doc in docs for t in doc]
    assert ours == [(t.text, t.pos_, str(t.morph)) for doc in oracle for t in doc]
    assert all(a.tag_ in ("", b.tag_) for a, b in zip(*([t for doc in ds for t in doc] for ds in (docs, oracle))))
    return True


@pytest.mark.parametrize("n_files", [500, pytest.param(20_000, marks=pytest.mark.slow)])
def test_damaged_files(tmp_path, n_files):
    path = tmp_path / "data"
    outcomes = {"read": 0, "read as spaCy does": 0, "refused": 0}
    for seed in range(n_files):
        draw = random.Random(seed)
        name = draw.choice(sorted(CONTENTS))
        change = damage_doc_bin if name == "spacy" and draw.random() < 0.5 else damage
        content = change(draw, CONTENTS[name])
        path.write_bytes(content)
        format = draw.choice([None, FORM_OF[name]])
        about = f"seed {seed}: {name} as {format}: {content!r}"
        try:
            docs = list(read_docs(path, Vocab(), format))
        except ValueError as error:
            outcomes["refused"] += 1
            assert str(path) in str(error), about
            assert PLACE.search(str(error).replace(str(path), "")), f"{about}: {error}"
            continue
        except Exception as error:
            raise AssertionError(about) from error
        outcomes["read"] += 1
        check_annotation(docs)
        if FORM_OF[name] == format == "conllu":
            outcomes["read as spaCy does"] += check_against_spacy(docs, content.decode("utf-8-sig"))
    print(f"{n_files} files: {outcomes}")
    assert outcomes["refused"] > n_files / 10 and outcomes["read"] > n_files / 10


@pytest.mark.parametrize("content", [r'[[["\ud800"], ["X"]]]', r'[["a"], ["\udfff"]]', r'[["a \ud800", ["X", "Y"]]]'])
def test_half_a_surrogate_pair_is_named(tmp_path, content):
    path = tmp_path / "data.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"data\.json, (sentence|line) 1: it has half of a surrogate pair"):
        list(read_docs(path, Vocab()))


def train_on(sentences, steps=2, **config):
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config={"model": SMALL_MODEL, **config})
    examples = [
        Example.from_dict(
            nlp.make_doc(text) if isinstance(text, str) else spacy.tokens.Doc(nlp.vocab, words=text), gold
        )
        for text, gold in sentences
    ]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(steps):
        losses = nlp.update(examples[:4], sgd=optimizer)
    assert losses["lstm_tagger"] >= 0
    return nlp, examples


GOLD = {"words": ["The", "dogs", "can't", "wait"], "tags": ["DT", "NNS", "MD", "VB"]}


@pytest.mark.parametrize(
    "sentences",
    [
        [("The dogs can't wait", GOLD)],
        [("The dogscan't wait", {**GOLD, "words": ["The", "dogs", "can't", "wait"]})],
        [(["The", "dogs"], {"words": ["The", "dogs"], "tags": ["DT", "!DT"]})],
        [(["The", "dogs"], {"words": ["The", "dogs"], "tags": ["DT", ""]})],
        [(["The", "dogs"], {"words": ["The", "dogs"], "tags": ["X", "X"]})],
        [(["Go"], {"words": ["Go"], "tags": ["VB"]})],
        [(GOLD["words"], GOLD)] * 50,
        [(["word"] * 50, {"words": ["word"] * 50, "tags": [f"T{50 * i + j}" for j in range(50)]}) for i in range(200)],
        [(GOLD["words"], GOLD), ([], {}), ([" "], {"words": [" "], "tags": ["_SP"]})],
    ],
    ids=[
        "tokens",
        "no space",
        "negative",
        "missing",
        "one label",
        "a word",
        "duplicates",
        "10,000 labels",
        "empty doc",
    ],
)
def test_odd_training_data(sentences):
    nlp, examples = train_on(sentences)
    scores = nlp.evaluate(examples[:4])
    assert 0 <= scores["tag_acc"] <= 1
    tags = {token.tag_ for token in nlp("The dogs can't wait.")}
    assert tags <= set(nlp.get_pipe("lstm_tagger").labels)


@pytest.mark.parametrize("tags", [["", ""], ["!DT", "!NN"]])
def test_no_label_at_all_is_spacys_error(tags):
    with pytest.raises(ValueError, match="E143"):
        train_on([(["The", "dogs"], {"words": ["The", "dogs"], "tags": tags})])


def test_empty_dev_set_is_named(run_spacy, tmp_path):
    data, dev = tmp_path / "train.tsv", tmp_path / "dev.tsv"
    data.write_text("The\tDT\ndog\tNN\n\nA\tDT\ncat\tNN\n")
    dev.write_text("\n")
    done = run_spacy("lstm-tagger", "train", data, tmp_path / "out", "--dev", dev, check=False)
    assert done.returncode == 1
    assert f"{dev} is empty" in done.stderr.replace("\n", "")
    assert not (tmp_path / "out").exists()


def test_formats_are_those_damaged():
    assert set(FORM_OF.values()) == set(FORMATS)
    assert row("1", "x") in row("1", "x", misc="_")
