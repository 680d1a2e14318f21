"""Pipelines that a process loads once, whatever asks for them, and that threads take turns in."""

from contextlib import contextmanager
from threading import Lock
from typing import Dict, Iterator, NamedTuple, Optional, Tuple

from spacy.language import Language
from thinc.compat import has_torch_cuda_gpu

from ..model.shim import get_shim
from ..network.hardware import use_threads
from ..pipeline.loading import find_tagger, load_pipeline


class SharedPipeline(NamedTuple):
    """A pipeline, and the lock of the thread that tags with it: memory zones are the whole vocab's."""

    nlp: Language
    lock: Lock

    @contextmanager
    def use(self) -> Iterator[Language]:
        """Tag while no other thread does. What spaCy allocates is freed at the end, docs included.

        YIELDS (Language): The pipeline.
        """
        with self.lock, self.nlp.memory_zone():
            yield self.nlp


_loaded: Dict[Tuple[str, bool, int], SharedPipeline] = {}
_loading = Lock()


def share_pipeline(
    model: str, *, confidence: bool = False, gpu_id: int = -1, n_threads: Optional[int] = None
) -> SharedPipeline:
    """Load a pipeline, unless this process has loaded it already.

    model (str): Its directory or package, or the name of a tagger that ships with this package.
    confidence (bool): Whether it stores confidences.
    gpu_id (int): Which GPU computes the network; -1 is the CPU.
    n_threads (Optional[int]): With how many threads this process computes from now on. None: as before.
    RETURNS (SharedPipeline): The pipeline. Raises what `load_pipeline` raises, and a ValueError if there is no GPU.
    """
    with _loading:
        if n_threads is not None:
            use_threads(n_threads)
        key = (model, confidence, gpu_id)
        if key not in _loaded:
            if gpu_id >= 0 and not has_torch_cuda_gpu:
                raise ValueError(
                    f"There is no GPU {gpu_id}: PyTorch finds no CUDA device. Leave it out to use the CPU."
                )
            nlp = load_pipeline(model, store_confidence=confidence)
            if gpu_id >= 0:
                get_shim(find_tagger(nlp).model).to_device("gpu", gpu_id)
            _loaded[key] = SharedPipeline(nlp, Lock())
        return _loaded[key]
