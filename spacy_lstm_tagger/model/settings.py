"""The settings of a model, as its config has them."""

from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple


@dataclass
class ModelSettings:
    """What `build_lstm_tagger_v1` is given, which has their meaning. In `model.attrs["settings"]`.

    sizes (Dict[str, Any]): Those fields of `NetworkSizes` that depend neither on the vocabulary nor on the labels.
    changed_case (Tuple[float, float, float]): The shares of lower case, upper case and title case.
    """

    sizes: Dict[str, Any]
    compose_labels: bool
    word_dropout: float
    embedding_dropout: float
    dropout_samples: int
    changed_case: Tuple[float, float, float]
    include_static_vectors: bool
    window_size: int
    window_overlap: int
    mixed_precision: bool
    device: Optional[str]
