"""Model files are data: whatever is in them, loading ends soon in the right model or in an error that names the file.

`pytest --slow tests/pipeline/test_hostile_models.py` loads 10,000 damaged models, the fast suite a few hundred.
"""

import gc
import hashlib
import os
import pickle
import random
import re
import shutil
import struct
import time
from contextlib import suppress
from pathlib import Path

import numpy
import pytest
import spacy
import srsly
from safetensors.numpy import load, save

from spacy_lstm_tagger.pipeline import storage
from spacy_lstm_tagger.pipeline.storage import CFG, LEMMAS, LEXICON, TOK2VEC, VOCABULARY, WEIGHTS

from ..conftest import SMALL_MODEL, TEXTS, WITH_LEMMAS
from ..conftest import make_pipeline as make_pipeline_of

# The models here have no shared encoder.
PARTS = tuple(name for name in storage.PARTS if name != TOK2VEC)
SECONDS, MEGABYTES = 2, 1000
VALUES = [None, True, -1, 0, 1, 2, 7, 2**31, 2**62, 10**18, 1.5, 1e308, "", "_", "NOUN", "x" * 10_000, "A=B|A=C", "\0"]
VALUES += [[], {}, [0] * 1000, ["NN", "NN"], {"NN": "NOUN"}, "/etc/hostname", "é", [[[[]]]]]


class Pickled:
    """Creates a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def walk(value, path=()):
    """Yield the place of each value in nested lists and maps, as keys from the top."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from walk(child, (*path, key))


def change_value(draw, value):
    """Replace, remove or double one of the values in nested lists and maps."""
    place = draw.choice(list(walk(value))[1:])
    parent = value
    for key in place[:-1]:
        parent = parent[key]
    action = draw.randrange(4)
    if action == 0:
        del parent[place[-1]]
    elif action == 1 and isinstance(parent, list):
        parent.insert(place[-1], parent[place[-1]])
    elif action == 2 and isinstance(parent[place[-1]], int):
        parent[place[-1]] += draw.choice([-1, 1])
    else:
        parent[place[-1]] = draw.choice(VALUES)
    return value


def seal(path):
    """Write the checksums of the files as they are, as somebody does who made them to do harm."""
    cfg = srsly.read_json(path / CFG)
    cfg.pop("sha256", None)
    contents = {CFG: srsly.json_dumps(cfg, indent=2).encode(), **{n: (path / n).read_bytes() for n in PARTS[1:]}}
    cfg["sha256"] = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    srsly.write_json(path / CFG, cfg)


def flip_bits(draw, path, other):
    file = path / draw.choice(PARTS)
    data = bytearray(file.read_bytes())
    for _ in range(draw.choice([1, 1, 2, 50])):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    file.write_bytes(data)


def truncate(draw, path, other):
    file = path / draw.choice(PARTS)
    data = file.read_bytes()
    file.write_bytes(data[: draw.randrange(len(data))])


def lengthen(draw, path, other):
    file = path / draw.choice(PARTS)
    file.write_bytes(file.read_bytes() + draw.choice([b"\0", b"]", b"\xc1" * 1000, file.read_bytes()]))


def swap(draw, path, other):
    source, target = draw.choice(PARTS), draw.choice(PARTS)
    (path / target).write_bytes((draw.choice([path, other]) / source).read_bytes())
    if draw.random() < 0.5:
        file = path / draw.choice(PARTS)
        file.unlink()
        file.write_bytes(draw.choice([b"", b"-", b"{}", b"[1, 2]", b"\x80", b"null", bytes(10)]))


def nest(draw, path, other):
    depth = draw.choice([100, 1024, 100_000])
    contents = {
        CFG: [b'{"format":1,"labels":' + b"[" * depth + b"]" * depth + b"}", b'{"a":' * depth],
        VOCABULARY: [b"\x91" * depth, b"\xdd\xff\xff\xff\xff" * depth, b"\x81\xa1a" * depth, b"\xdf\xff\xff\xff\xff"],
        WEIGHTS: [struct.pack("<Q", depth) + b"[" * depth, struct.pack("<Q", 2**63) + b"{}", bytes(depth)],
    }
    contents[LEMMAS] = contents[LEXICON] = contents[VOCABULARY]
    name = draw.choice(PARTS)
    (path / name).write_bytes(draw.choice(contents[name]))


def link(draw, path, other):
    file = path / draw.choice(PARTS)
    targets = [other / file.name, Path("/dev/zero"), Path("/etc/hostname"), file, path, path / draw.choice(PARTS)]
    target = draw.choice(targets)
    file.unlink()
    file.symlink_to(target)


def unpickle(draw, path, other):
    (path / draw.choice(PARTS)).write_bytes(pickle.dumps(Pickled(path / "executed"), draw.randrange(6)))


def change_cfg(draw, path, other):
    srsly.write_json(path / CFG, change_value(draw, srsly.read_json(path / CFG)))


def change_cfg_sealed(draw, path, other):
    cfg = srsly.read_json(path / CFG)
    section = draw.choice(["labels", "network", "vocabulary", "combinations", "combination_counts", ""])
    change_value(draw, cfg[section] if section else cfg)
    srsly.write_json(path / CFG, cfg)
    seal_quietly(path)


def seal_quietly(path):
    with suppress(ValueError, AttributeError, TypeError):  # what is there now is no cfg
        seal(path)


def declare_huge_sizes(draw, path, other):
    cfg = srsly.read_json(path / CFG)
    for name in draw.sample(sorted(cfg["network"]), draw.randint(1, 3)):
        huge = draw.choice([10**6, 10**9, 2**31, 2**62])
        cfg["network"][name] = [huge] * 7 if name == "n_affixes" else huge
    srsly.write_json(path / CFG, cfg)
    seal(path)


def change_tables_sealed(draw, path, other):
    tables = srsly.read_msgpack(path / VOCABULARY)
    srsly.write_msgpack(path / VOCABULARY, change_value(draw, tables))
    seal(path)


def change_lemmas_sealed(draw, path, other):
    srsly.write_msgpack(path / LEMMAS, change_value(draw, srsly.read_msgpack(path / LEMMAS)))
    seal(path)


def change_lexicon_sealed(draw, path, other):
    srsly.write_msgpack(path / LEXICON, change_value(draw, srsly.read_msgpack(path / LEXICON)))
    seal(path)


def change_weights_sealed(draw, path, other):
    weights = load((path / WEIGHTS).read_bytes())
    name = draw.choice(sorted(weights))
    tensor = weights[name]
    changed = {
        "nan": numpy.where(numpy.arange(tensor.size).reshape(tensor.shape) == 0, numpy.nan, tensor).astype("float16"),
        "infinite": numpy.full_like(tensor, draw.choice([numpy.inf, -numpy.inf])),
        "transposed": numpy.ascontiguousarray(tensor.T[None]),
        "longer": numpy.concatenate([tensor, tensor]),
        "numbers": tensor.astype("int64"),
        "none": None,
    }[draw.choice(["nan", "infinite", "transposed", "longer", "numbers", "none"])]
    if changed is None:
        del weights[name]
    else:
        weights[draw.choice([name, name, name + "x"])] = changed
    (path / WEIGHTS).write_bytes(save(weights))
    seal(path)


def change_header_sealed(draw, path, other):
    data = (path / WEIGHTS).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = srsly.json_dumps(change_value(draw, srsly.json_loads(data[8 : 8 + length]))).encode()
    (path / WEIGHTS).write_bytes(struct.pack("<Q", len(header)) + header + data[8 + length :])
    seal(path)


# Whose result must be the right model if it is one, and those that are whole models of somebody else.
DAMAGE = [flip_bits, truncate, lengthen, swap, nest, link, unpickle, change_cfg]
SEALED = [change_cfg_sealed, declare_huge_sizes, change_tables_sealed, change_weights_sealed, change_header_sealed]
SEALED += [change_lemmas_sealed, change_lexicon_sealed]


def make_pipeline(**options):
    """A pipeline whose tagger has all files."""
    return make_pipeline_of(sentences=WITH_LEMMAS, min_tree_freq=1, lexicon={"zyzzyva": ["NN"]}, **options)


@pytest.fixture(scope="module")
def trained_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("trained")
    make_pipeline(steps=60).to_disk(path)
    return path


def summary(nlp):
    docs = list(nlp.pipe(TEXTS))
    return [[(token.tag_, token.pos_, str(token.morph), token.lemma_) for token in doc] for doc in docs]


def peak_megabytes():
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def check_damaged_models(trained_path, tmp_path, n_models):
    other = tmp_path / "other"
    make_pipeline(model={**SMALL_MODEL, "hidden_width": 12}).get_pipe("lstm_tagger").to_disk(other, exclude=["vocab"])
    whole = summary(spacy.load(trained_path))
    nlp = make_pipeline(steps=2)
    tagger = nlp.get_pipe("lstm_tagger")
    before, before_bytes = summary(nlp), tagger.to_bytes(exclude=["vocab"])
    outcomes = {"right": 0, "refused": 0, "another": 0}
    gc.collect()  # what other tests left, so that no model is charged for it
    gc.freeze()
    for seed in range(n_models):
        draw = random.Random(seed)
        mutate = (DAMAGE + SEALED)[seed % len(DAMAGE + SEALED)]
        path = tmp_path / "model"
        shutil.copytree(trained_path / "lstm_tagger", path)
        mutate(draw, path, other)
        about = f"seed {seed}, {mutate.__name__}"
        start = time.process_time()
        try:
            tagger.from_disk(path, exclude=["vocab"])
        except (ValueError, OSError) as error:
            outcomes["refused"] += 1
            assert str(path) in str(error) and any(name in str(error) for name in PARTS), about
            assert summary(nlp) == before, about
        else:
            check_loaded(nlp, whole, mutate, outcomes, about)
            tagger.from_bytes(before_bytes)
        assert time.process_time() - start < SECONDS, about
        assert not (path / "executed").exists(), about
        shutil.rmtree(path)
    gc.unfreeze()
    return outcomes


def make_pipeline_to_load_into():
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger")
    return nlp


def check_loaded(nlp, whole, mutate, outcomes, about):
    tagger = nlp.get_pipe("lstm_tagger")
    if mutate in DAMAGE and tagger.model.has_dim("nO"):
        assert summary(nlp) == whole, about
        outcomes["right"] += 1
    elif tagger.model.has_dim("nO"):
        for doc in nlp.pipe(TEXTS):
            for token in doc:
                if not token.is_space:
                    assert not tagger.labels or token.tag_ in tagger.labels, about
                    assert not tagger.pos_labels or token.pos_ in tagger.pos_labels, about
        outcomes["another"] += 1
    else:  # a component that was saved before it was trained
        assert mutate in SEALED, about
        with pytest.raises(ValueError, match=r"initialize|label"):
            nlp("A dog")
        outcomes["another"] += 1


@pytest.mark.parametrize("n_models", [260, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_models(trained_path, tmp_path, n_models):
    can_measure = os.path.exists("/proc/self/clear_refs")
    if can_measure:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    start = peak_megabytes() if can_measure else 0.0
    outcomes = check_damaged_models(trained_path, tmp_path, n_models)
    taken = peak_megabytes() - start if can_measure else 0.0
    print(f"{n_models} models: {outcomes}, {taken:.0f} MB")  # `pytest -s` shows it
    assert taken < MEGABYTES
    assert outcomes["refused"] > n_models / 2 and outcomes["right"]


def test_flipped_weight_is_found(trained_path, tmp_path):
    path = tmp_path / "model"
    shutil.copytree(trained_path / "lstm_tagger", path)
    data = bytearray((path / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (path / WEIGHTS).write_bytes(data)
    with pytest.raises(ValueError, match=r"'model\.safetensors' is damaged.*SHA-256"):
        make_pipeline_to_load_into().get_pipe("lstm_tagger").from_disk(path, exclude=["vocab"])


def test_model_without_checksums_loads(trained_path, tmp_path):
    path = tmp_path / "model"
    shutil.copytree(trained_path / "lstm_tagger", path)
    cfg = srsly.read_json(path / CFG)
    del cfg["sha256"]
    srsly.write_json(path / CFG, cfg)
    nlp = make_pipeline_to_load_into()
    nlp.get_pipe("lstm_tagger").from_disk(path, exclude=["vocab"])
    assert summary(nlp) == summary(spacy.load(trained_path))


@pytest.mark.parametrize("name", PARTS)
def test_link_to_the_file_that_was_saved_is_followed(trained_path, tmp_path, name):
    path = tmp_path / "model"
    shutil.copytree(trained_path / "lstm_tagger", path)
    shutil.move(path / name, tmp_path / "blob")
    (path / name).symlink_to(Path("..") / "blob")
    nlp = make_pipeline_to_load_into()
    nlp.get_pipe("lstm_tagger").from_disk(path, exclude=["vocab"])
    assert summary(nlp) == summary(spacy.load(trained_path))


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("target", ["a secret", "an empty file", "a file without checksum"])
def test_link_to_another_file_is_refused(trained_path, tmp_path, name, target):
    path, linked = tmp_path / "model", tmp_path / "linked"
    shutil.copytree(trained_path / "lstm_tagger", path)
    contents = {"a secret": b"root:x:0:0", "an empty file": b""}
    linked.write_bytes(contents.get(target, (path / name).read_bytes()))
    if target == "a file without checksum":
        cfg = srsly.read_json(path / CFG)
        del cfg["sha256"]
        srsly.write_json(linked if name == CFG else path / CFG, cfg)
    (path / name).unlink()
    (path / name).symlink_to(linked)
    with pytest.raises(ValueError, match=f"{re.escape(name)} is a link out of this directory") as caught:
        make_pipeline_to_load_into().get_pipe("lstm_tagger").from_disk(path, exclude=["vocab"])
    assert "x:0:0" not in str(caught.value)


def test_tag_map_in_cfg_names_no_file(trained_path, tmp_path):
    path, secret = tmp_path / "model", tmp_path / "secret.json"
    shutil.copytree(trained_path / "lstm_tagger", path)
    srsly.write_json(secret, {"NN": "NOUN"})
    srsly.write_json(path / CFG, {**srsly.read_json(path / CFG), "tag_map": str(secret)})
    seal(path)
    with pytest.raises(ValueError, match=r"'cfg' is damaged.*tag_map is"):
        make_pipeline_to_load_into().get_pipe("lstm_tagger").from_disk(path, exclude=["vocab"])


def test_loading_draws_no_random_numbers(trained_path):
    import torch

    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    nlp = make_pipeline_to_load_into()
    nlp.get_pipe("lstm_tagger").from_disk(trained_path / "lstm_tagger", exclude=["vocab"])
    assert torch.equal(torch.rand(3), expected)
