"""A trained tagger as bytes and as files: `cfg`, `vocabulary.msgpack`, `model.safetensors` and, if it finds lemmas or
has a lexicon, `lemmas.msgpack` and `lexicon.msgpack`."""

import hashlib
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Mapping, Optional, Sequence, TypeVar

import numpy
import srsly
from spacy.vocab import Vocab

from ..annotation_layers import LAYERS, SENTENCE_STARTS, TAG_LAYERS
from ..atomic_files import interrupted
from ..model.build_network import read_network, set_network
from ..model.features import TaggerModel
from ..model.shared_encoder import check_shared_encoder
from ..model.shim import get_network, get_shim
from ..model.vocabulary import Vocabulary, build_vocabulary_v1
from ..network.lstm_tagger import LSTMTagger
from .calibration import Calibration
from .label_combinations import Combinations
from .label_scheme import Labels, LabelScheme, label_values, read_tag_map
from .lemmas import KnownLemmas, Lemmatizer
from .lexicon import Lexicon, LexiconMask

# Raised with each change of the files that a released version cannot read, or would misread. Each version reads the
# formats of all released ones: tests/models has a model of each.
# Format 2: the vocabulary says how it normalizes words, heads may have confidences by margin, and large tables of
# embeddings are stored in 8 bits.
FORMAT = 2
CFG, VOCABULARY, WEIGHTS = "cfg", "vocabulary.msgpack", "model.safetensors"
# Those that only some taggers have.
LEMMAS, LEXICON = "lemmas.msgpack", "lexicon.msgpack"
# A shared encoder as thinc stores it: its weights if it is the tagger's own, none if it listens to another component.
TOK2VEC = "tok2vec.msgpack"
PARTS = (CFG, VOCABULARY, WEIGHTS, LEMMAS, LEXICON, TOK2VEC)

T = TypeVar("T")


def to_parts(
    scheme: LabelScheme,
    calibrations: Mapping[str, Calibration],
    model: TaggerModel,
    lexicon: Optional[Lexicon] = None,
) -> Dict[str, bytes]:
    """Serialize a tagger.

    scheme (LabelScheme): Its labels.
    calibrations (Mapping[str, Calibration]): Those of its heads.
    model (Model): The component's model.
    lexicon (Optional[Lexicon]): Its lexicon.
    RETURNS (Dict[str, bytes]): The contents of each file.
    """
    shim = get_shim(model)
    vocabulary = model.attrs["vocabulary"]
    parts = {VOCABULARY: vocabulary.to_bytes(), WEIGHTS: shim.to_bytes()}
    if scheme.known_lemmas is not None:
        parts[LEMMAS] = scheme.known_lemmas.to_bytes()
    if lexicon is not None:
        parts[LEXICON] = lexicon.to_bytes()
    for encoder in model.layers:
        parts[TOK2VEC] = encoder.to_bytes()
    cfg = {
        "format": FORMAT,
        "labels": scheme.labels,
        "combinations": list(scheme.combinations),
        "combination_counts": list(scheme.combinations.values()),
        "temperatures": {layer: calibration.temperature for layer, calibration in calibrations.items()},
        "confidences": {
            layer: {"margins": list(calibration.margins), "log_odds": list(calibration.log_odds)}
            for layer, calibration in calibrations.items()
        },
        "tag_map": scheme.tag_map,
        "vocabulary": vocabulary.settings,
        "network": get_network(model).sizes.to_json() if shim.has_module else None,
    }
    digests = {name: _digest(part) for name, part in {CFG: _to_json(cfg), **parts}.items()}
    return {CFG: _to_json({**cfg, "sha256": digests}), **parts}


def from_parts(parts: Mapping[str, bytes], model: TaggerModel, source: str) -> Dict[str, Any]:
    """Load a tagger, or those parts of it that are there. If one is damaged, the model stays as it was.

    parts (Mapping[str, bytes]): What `to_parts` returned.
    model (Model): The model that gets vocabulary and network.
    source (str): Where the parts come from, for errors.
    RETURNS (Dict[str, Any]): The contents of `cfg`, empty if it is not there. Raises a ValueError that names source
        and part.
    """
    cfg: Dict[str, Any] = {}
    if CFG in parts:
        cfg = _parse(parts, CFG, source, _load_cfg)
        if not 1 <= cfg["format"] <= FORMAT:
            raise ValueError(
                f"{source}: '{CFG}' has format {cfg['format']}, but this version of spacy-lstm-tagger reads formats "
                f"1 to {FORMAT}. Update the package, or train the model anew."
            )
        _parse(parts, CFG, source, lambda _: _check_cfg(cfg))
    digests = cfg.get("sha256", {})
    load_lexicon = partial(_load_lexicon, cfg.get("labels", {}))
    for name, key, load in ((LEMMAS, "known_lemmas", _load_known_lemmas), (LEXICON, "lexicon", load_lexicon)):
        if name in digests or name in parts:
            if name not in parts:
                raise ValueError(f"{source}: '{name}' is missing. Copy or train the model again.")
            cfg[key] = _parse(parts, name, source, load, digests)
    vocabulary = model.attrs["vocabulary"]
    if VOCABULARY in parts:
        settings = cfg.get("vocabulary", vocabulary.settings)
        if cfg.get("format") == 1:
            settings = {"normalization": 0, **settings}
        vocabulary = _parse(parts, VOCABULARY, source, lambda data: _load_vocabulary(settings, data), digests)
    if WEIGHTS in parts:
        sizes = cfg["network"] if CFG in parts else get_network(model).sizes.to_json()
        network = _parse(parts, WEIGHTS, source, lambda data: _load_network(sizes, vocabulary, data), digests)
        if network is not None:
            check_shared_encoder(model, network.sizes.shared_width)
        for encoder in model.layers:
            if TOK2VEC in parts:
                _parse(parts, TOK2VEC, source, encoder.from_bytes, digests)
            elif TOK2VEC in digests:
                raise ValueError(f"{source}: '{TOK2VEC}' is missing. Copy or train the model again.")
        set_network(model, network)
    model.attrs["vocabulary"] = vocabulary
    return cfg


def read_calibrations(cfg: Mapping[str, Any]) -> Dict[str, Calibration]:
    """RETURNS (Dict[str, Calibration]): The calibrations in `cfg`. Those of models saved before have no confidences."""
    calibrations = {}
    for layer, temperature in cfg.get("temperatures", {}).items():
        points = cfg.get("confidences", {}).get(layer, {"margins": [], "log_odds": []})
        calibrations[layer] = Calibration(temperature, tuple(points["margins"]), tuple(points["log_odds"]))
    return calibrations


def read_combinations(cfg: Mapping[str, Any]) -> Dict[int, int]:
    """RETURNS (Dict[int, int]): The combinations in `cfg`. Those of models saved before have no counts."""
    codes = cfg["combinations"]
    return dict(zip(codes, cfg.get("combination_counts", [1] * len(codes))))


def read_parts(path: Path, exclude: Iterable[str]) -> Dict[str, bytes]:
    """Read the files of a tagger.

    path (Path): The component's directory.
    exclude (Iterable[str]): Names, without extension, of files to leave out.
    RETURNS (Dict[str, bytes]): The contents of each file.
    """
    if not path.exists() and interrupted(path).exists():
        path = interrupted(path)
    names = [name for name in PARTS if name.split(".")[0] not in exclude]
    names = [name for name in names if name not in (LEMMAS, LEXICON, TOK2VEC) or (path / name).exists()]
    missing = [name for name in names if not (path / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{path} is not a whole model of lstm_tagger: {', '.join(missing)} missing.")
    _check_links(path, [name for name in names if path.resolve() not in (path / name).resolve().parents])
    return {name: (path / name).read_bytes() for name in names}


def _check_links(path: Path, linked: Sequence[str]) -> None:
    """Raise an error unless each link out of the directory leads to the very file that was saved.

    Installers and caches put links in the place of files. In an archive of a stranger, a link could name any file of
    the machine, but not its checksum.
    """
    # A file of size 0 can be one of the system's, which may be read without end.
    wrong = [name for name in linked if not (path / name).stat().st_size]
    if linked and not wrong:
        try:
            cfg = _load_cfg((path / CFG).read_bytes())
            digests = cfg.pop("sha256")
            found = {name: _digest(_to_json(cfg) if name == CFG else (path / name).read_bytes()) for name in linked}
            wrong = [name for name in linked if digests[name] != found[name]]
        except Exception:  # whatever the file is that a link leads to
            wrong = list(linked)
    if wrong:
        raise ValueError(
            f"{path}: {', '.join(wrong)} is a link out of this directory, to a file without the SHA-256 that '{CFG}' "
            "gives. Put a copy of the right file there."
        )


def _parse(
    parts: Mapping[str, bytes],
    name: str,
    source: str,
    parse: Callable[[bytes], T],
    digests: Mapping[str, str] = {},
) -> T:
    try:
        _check_digest(digests, name, parts[name])
        return parse(parts[name])
    except Exception as error:  # damaged data can raise anything in JSON, msgpack, safetensors, numpy and torch
        raise ValueError(
            f"{source}: '{name}' is damaged, or does not belong to the other files ({error!s:.300}). Copy or train the "
            "model again."
        ) from error


def _load_cfg(data: bytes) -> Dict[str, Any]:
    cfg = srsly.json_loads(data)
    if not isinstance(cfg, dict) or not isinstance(cfg.get("format"), int):
        raise ValueError("no format number")
    if not isinstance(cfg.get("sha256", {}), dict):
        raise ValueError("sha256 is no map")
    return cfg


def _check_cfg(cfg: Mapping[str, Any]) -> None:
    """Raise an error unless a component can be set up from this."""
    digests = cfg.get("sha256", {})
    _check_digest(digests, CFG, _to_json({name: value for name, value in cfg.items() if name != "sha256"}))
    labels, network = cfg["labels"], cfg["network"]
    if list(labels) != [layer for layer in LAYERS if layer in labels]:
        raise ValueError(f"labels of {list(labels)!s:.80} instead of {list(LAYERS)}")
    for layer, names in labels.items():
        if not all(name and isinstance(name, str) for name in names) or len(set(names)) != len(names) or not names:
            raise ValueError(f"the labels of '{layer}' are not distinct words: {names!s:.80}")
        if layer in TAG_LAYERS:
            label_values(Vocab(), layer, names)
        if layer == "sents" and names != list(SENTENCE_STARTS):
            raise ValueError(f"the labels of 'sents' are {names!s:.80} instead of {list(SENTENCE_STARTS)}")
    n_labels = {layer: len(names) for layer, names in labels.items()}
    if network is not None and list(network["n_labels"].items()) != list(n_labels.items()):
        raise ValueError(f"the network has {network['n_labels']!s:.80} labels instead of {n_labels}")
    combinations = read_combinations(cfg)
    if not all(type(number) is int for pair in combinations.items() for number in pair):
        raise ValueError("combinations of labels are no numbers")
    if len(combinations) != len(cfg["combinations"]) or not all(0 < n < 2**63 for n in combinations.values()):
        raise ValueError("combinations of labels do not each have a count above 0")
    Combinations(combinations, [n for layer, n in n_labels.items() if layer in TAG_LAYERS])
    Lemmatizer(labels.get("lemma", []))
    temperatures = cfg.get("temperatures", {})
    if not all(layer in labels and 0 < temperature < inf for layer, temperature in temperatures.items()):
        raise ValueError(f"temperatures of the layers are {temperatures!s:.80} instead of numbers above 0")
    for layer, calibration in read_calibrations(cfg).items():
        points = numpy.array([calibration.margins, calibration.log_odds], dtype="float64")
        if not numpy.isfinite(points).all() or not (numpy.diff(points) >= 0).all():
            raise ValueError(f"the confidences of '{layer}' are {calibration!s:.80} instead of ascending numbers")
    # Not the path of a map: no file is read but the model's own.
    if not isinstance(cfg["tag_map"], (dict, type(None))):
        raise ValueError(f"tag_map is {cfg['tag_map']!r:.80} instead of a map")
    read_tag_map(cfg["tag_map"] or {})


def _load_vocabulary(settings: Mapping[str, Any], data: bytes) -> Vocabulary:
    vocabulary = build_vocabulary_v1(**settings)().from_bytes(data)
    vocabulary.look_up(["", "word"])  # fails here if settings are of the wrong types
    return vocabulary


def _load_known_lemmas(data: bytes) -> KnownLemmas:
    known = KnownLemmas.from_bytes(data)
    Lemmatizer([], known)  # fails here if a tree is none
    return known


def _load_lexicon(labels: Labels, data: bytes) -> Lexicon:
    lexicon = Lexicon.from_bytes(data)
    LexiconMask(lexicon, LabelScheme(Vocab(), labels))  # fails here if the tagger has other labels
    return lexicon


def _load_network(sizes: Optional[Mapping[str, Any]], vocabulary: Vocabulary, data: bytes) -> Optional[LSTMTagger]:
    return None if sizes is None else read_network(sizes, vocabulary, data)


def _to_json(cfg: Mapping[str, Any]) -> bytes:
    return bytes(srsly.json_dumps(cfg, indent=2).encode("utf8"))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _check_digest(digests: Mapping[str, str], name: str, data: bytes) -> None:
    """Raise an error unless this is what was saved. Checksums are for accidents, not for attacks: data without one is
    accepted."""
    if name in digests and digests[name] != _digest(data):
        raise ValueError(f"its SHA-256 is not {digests[name]!s:.80}, as '{CFG}' says")
