"""What is to be done with a corpus, as each process that works on it needs to know it."""

import hashlib
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from spacy.util import get_package_path, is_package

from ..model_packages import find_pipeline
from ..shipped import PRETRAINED, pretrained_directory
from ..tables.shared_pipelines import SharedPipeline, share_pipeline

# What changes the output's bytes.
PACKAGES = ("spacy-lstm-tagger", "spacy", "pyarrow")


@dataclass(frozen=True)
class Job:
    """The settings of a run.

    output (str): The folder of the output, for fsspec.
    model (str): Directory or package of a pipeline with an LSTM tagger, or a tagger that ships with this package.
    digest (str): `digest_model` of it.
    field (str): The field or column of the texts.
    format (str): The output's format, one of `outputs.FORMATS`.
    confidence (bool): Whether to add the labels' probabilities.
    keep (Optional[Tuple[str, ...]]): The other fields that the output has too. None: all.
    max_length (int): How many characters a text may have.
    strict (bool): Whether to stop at the first bad record.
    batch_size (Optional[int]): How many texts are tagged at once. None: the pipeline's own number.
    gpu (bool): Whether GPUs compute the network.
    """

    output: str
    model: str
    digest: str
    field: str = "text"
    format: str = "parquet"
    confidence: bool = False
    keep: Optional[Tuple[str, ...]] = None
    max_length: int = 1_000_000
    strict: bool = False
    batch_size: Optional[int] = None
    gpu: bool = False

    @property
    def recorded(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): What must be the same when a run is continued."""
        return {
            "model": self.digest,
            "field": self.field,
            "format": self.format,
            "confidence": self.confidence,
            "keep": None if self.keep is None else list(self.keep),
            "max_length": self.max_length,
            "gpu": self.gpu,
            **{package: version(package) for package in PACKAGES},
        }

    def load(self, gpu_id: int = 0) -> SharedPipeline:
        """Load the pipeline, once in a process, which computes with one thread from now on.

        gpu_id (int): Which GPU, if GPUs compute the network.
        RETURNS (SharedPipeline): The pipeline. Raises a ValueError if it is not the one that the run began with.
        """
        digest = digest_model(self.model)
        if digest != self.digest:
            raise ValueError(
                f"The model '{self.model}' is not the one that the run began with: the digest of its files is "
                f"{digest[:12]} and not {self.digest[:12]}. Copy it again to each machine, and leave it unchanged."
            )
        gpu_id = gpu_id if self.gpu else -1
        shared = share_pipeline(self.model, confidence=self.confidence, gpu_id=gpu_id, n_threads=1)
        shared.nlp.max_length = self.max_length
        return shared


@cache
def digest_model(model: str) -> str:
    """Digest the files of a pipeline.

    model (str): As in `Job`.
    RETURNS (str): The SHA-256 of names and contents, in hexadecimal digits. Raises an OSError if there is none.
    """
    digest = hashlib.sha256()
    if model in PRETRAINED and not Path(model).exists():
        found = pretrained_directory(model)
    else:
        model = find_pipeline(model)
        found = nullcontext(get_package_path(model) if is_package(model) else Path(model))
    with found as directory:
        for file in sorted(file for file in directory.rglob("*") if file.is_file() and file.suffix != ".pyc"):
            content = file.read_bytes()
            digest.update(f"{file.relative_to(directory).as_posix()}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()
