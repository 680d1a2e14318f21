"""Training that can be interrupted at any moment and resumed from a checkpoint.

spaCy's training loop cannot start in the middle. A resumed run therefore repeats it from the first step with the same
seed, without the expensive parts: until the checkpoint's step, updates do nothing and evaluations return the recorded
scores. In seconds, that brings batches, schedules and patience to where they were. Then weights, optimizer state and
random states are set to those of the checkpoint, and training continues.
"""

import json
import random
import shutil
import sys
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, TextIO, Tuple, cast

import numpy
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from spacy.language import Language
from spacy.training import Example
from spacy.training.loop import DIR_MODEL_BEST, DIR_MODEL_LAST
from spacy.training.loop import train as run_training_loop
from thinc.api import Model, Optimizer

from ..atomic_files import move_directory, replace_file, restore_directory
from ..model import adam
from ..model.shim import ModuleShim
from ..pipeline.loading import find_tagger

# The directory in which spaCy writes models before they are moved to their place, and the checkpoint in it. It is
# removed when training is complete.
WORK, CHECKPOINT = "checkpoint", "training.safetensors"
OPTIMIZER_STATES = ("mom1", "mom2", "averages")
OTHER_TRAINING = (
    "is of a training with other settings or other data. Give those that it was started with, or start again without "
    "--resume."
)


def train_with_checkpoints(nlp: Language, output_path: Path, *, use_gpu: int = -1, resume: bool = False) -> int:
    """Train a pipeline with spaCy's training loop, and keep a checkpoint while it runs.

    nlp (Language): The initialized pipeline.
    output_path (Path): The directory of the trained pipelines. One that is there is replaced only when a better one is
        complete.
    use_gpu (int): Which GPU spaCy is set to use; -1 is the CPU.
    resume (bool): Whether to continue from the checkpoint in output_path. Raises a ValueError if there is none, or if
        it is of a training with other settings or data.
    RETURNS (int): The number of words that the pipeline was updated with, those before the checkpoint left out.
    """
    state = _read_checkpoint(output_path, nlp) if resume else None
    training = _Training(nlp, output_path, state)
    training.prepare()
    stdout = cast(TextIO, _NamesOutput(sys.stdout, training.work, output_path))
    try:
        run_training_loop(nlp, training.work, use_gpu=use_gpu, stdout=stdout, stderr=sys.stderr)
    except BaseException:
        training.abort()
        raise
    training.finish()
    return training.n_words


def find_checkpoint(output_path: Path) -> Path:
    """RETURNS (Path): The checkpoint of a training that writes to output_path. Raises a ValueError if there is none."""
    path = output_path / WORK / CHECKPOINT
    if not path.exists():
        raise ValueError(f"There is no {path}, so there is nothing to resume: start again without --resume.")
    return path


class _Training:
    """Replaces the pipeline's methods that the loop calls: these count the calls, and do nothing in steps that were
    taken before the checkpoint."""

    def __init__(self, nlp: Language, output_path: Path, state: Optional[Dict[str, Any]]) -> None:
        self.nlp = nlp
        self.output_path = output_path
        self.work = output_path / WORK
        self._state = state  # None as soon as the loop is where the checkpoint was
        self.n_words = 0
        self._n_updates = 0
        self._evaluations: List[Dict[str, Any]] = []
        self._evaluated = False
        self._last_is_whole = False
        self._losses: Dict[str, float] = {}
        self._optimizer: Optional[Optimizer] = None
        tagger = find_tagger(nlp)
        self._update, self._evaluate, self._to_disk = nlp.update, nlp.evaluate, nlp.to_disk
        self._finish_update = tagger.finish_update
        for method in (self.update, self.evaluate, self.to_disk):
            setattr(nlp, method.__name__, method)
        setattr(tagger, self.finish_update.__name__, self.finish_update)

    def prepare(self) -> None:
        """Create the directories, and put back a model that a killed training had moved."""
        if self._state is None:
            shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True, exist_ok=True)
        for name in (DIR_MODEL_BEST, DIR_MODEL_LAST):
            restore_directory(self.output_path / name)

    def update(self, examples: Iterable[Example], *, losses: Dict[str, float], **kwargs: Any) -> Dict[str, float]:
        """Update the pipeline. Before the first update after an evaluation, models and the checkpoint are saved."""
        if self._state is not None and self._n_updates == self._state["n_updates"]:
            self._restore(self._state)
        elif self._evaluated and self._state is None:
            self._publish(DIR_MODEL_LAST, DIR_MODEL_BEST)
            self._save_checkpoint()
        self._evaluated = False
        self._n_updates += 1
        self._losses = losses
        if self._state is not None:
            return losses
        examples = list(examples)
        self.n_words += sum(map(len, examples))
        return self._update(examples, losses=losses, **kwargs)

    def finish_update(self, sgd: Optimizer) -> None:
        """Take a step with the optimizer, if there was an update."""
        self._optimizer = sgd
        self._finish_update(sgd)

    def evaluate(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        """Evaluate the pipeline, or return the recorded scores."""
        self._evaluated = True
        if self._state is None:
            scores = self._evaluate(examples, **kwargs)
            self._evaluations.append({"scores": scores, "losses": dict(self._losses)})
        else:
            self._evaluations.append(self._state["evaluations"][len(self._evaluations)])
            self._losses.update(self._evaluations[-1]["losses"])
        return cast(Dict[str, Any], self._evaluations[-1]["scores"])

    def to_disk(self, path: Path, **kwargs: Any) -> None:
        """Save the pipeline, unless it was saved before the checkpoint."""
        self._last_is_whole = False
        if self._state is not None:
            path.mkdir(exist_ok=True)
        else:
            self._remove_missing_scores()
            self._to_disk(path, **kwargs)
            self._last_is_whole = True

    def _remove_missing_scores(self) -> None:
        """Remove scores that there are none of, as of a layer that is not annotated: spaCy's loop writes them as 0."""
        if not self._evaluations:
            return
        scores, weights = self._evaluations[-1]["scores"], self.nlp.config["training"]["score_weights"]
        performance = self.nlp.meta["performance"].items()
        self.nlp.meta["performance"] = {
            name: value for name, value in performance if name not in weights or scores.get(name) is not None
        }

    def finish(self) -> None:
        """Put the last models in place, and remove the checkpoint."""
        if self._state is not None:
            raise ValueError(f"{self.work / CHECKPOINT} {OTHER_TRAINING}")
        self._publish(DIR_MODEL_LAST, DIR_MODEL_BEST)
        shutil.rmtree(self.work)

    def abort(self) -> None:
        """Put the last model in place if it is complete. The best one may be half a copy, so the old one is kept."""
        if self._last_is_whole:
            self._publish(DIR_MODEL_LAST)
        for name in (DIR_MODEL_BEST, DIR_MODEL_LAST):
            shutil.rmtree(self.work / name, ignore_errors=True)
        if self.work.exists() and not any(self.work.iterdir()):
            self.work.rmdir()

    def _publish(self, *names: str) -> None:
        """Move models from where spaCy wrote them to their place."""
        for name in names:
            if (self.work / name).exists():
                move_directory(self.work / name, self.output_path / name)

    def _save_checkpoint(self) -> None:
        optimizer = cast(Optimizer, self._optimizer)
        names = {key: name for key, name, _ in _weights(self.nlp)}
        arrays = {f"weights/{name}": value for _, name, value in _weights(self.nlp)}
        for kind in OPTIMIZER_STATES:
            for key, value in (getattr(optimizer, kind) or {}).items():
                arrays[f"{kind}/{names[key]}"] = value
        tensors = {name: torch.as_tensor(value).detach().cpu().contiguous() for name, value in arrays.items()}
        tensors["random/torch"] = torch.get_rng_state()
        for i, cuda_state in enumerate(torch.cuda.get_rng_state_all()):
            tensors[f"random/cuda{i}"] = cuda_state
        state = {
            "config": self.nlp.config.to_str(),
            "n_updates": self._n_updates,
            "evaluations": self._evaluations,
            "optimizer_updates": {names[key]: n for key, n in optimizer.nr_update.items()},
            "random": random.getstate(),
            "numpy": numpy.random.get_state(legacy=False),
        }
        path = self.work / CHECKPOINT
        try:
            with replace_file(path) as new:
                save_file(tensors, new, metadata={"state": json.dumps(state, default=numpy.ndarray.tolist)})
        except SafetensorError as error:
            raise OSError(f"{path} can't be written: {error}") from error

    def _restore(self, state: Mapping[str, Any]) -> None:
        tensors, optimizer = state["tensors"], cast(Optimizer, self._optimizer)
        # The random state depends on the number of examples.
        is_same = random.getstate() == _to_tuples(state["random"])
        weights = list(_weights(self.nlp))
        shapes = {f"weights/{name}": tuple(value.shape) for _, name, value in weights}
        if not is_same or shapes != {n: tuple(t.shape) for n, t in tensors.items() if n.startswith("weights/")}:
            raise ValueError(f"{self.work / CHECKPOINT} {OTHER_TRAINING}")
        for key, name, value in weights:
            stored = tensors[f"weights/{name}"]
            value[...] = stored if isinstance(value, torch.Tensor) else stored.numpy()
            is_torch = isinstance(value, torch.Tensor) and adam.is_plain_adam(optimizer)
            for kind in OPTIMIZER_STATES:
                if f"{kind}/{name}" in tensors:
                    moments = tensors[f"{kind}/{name}"]
                    getattr(optimizer, kind)[key] = moments.to(value.device) if is_torch else moments.numpy()
            if name in state["optimizer_updates"]:
                optimizer.nr_update[key] = state["optimizer_updates"][name]
        for _, node in _nodes(self.nlp):
            for shim in node.shims:
                if isinstance(shim, ModuleShim):
                    shim.version += 1
        numpy.random.set_state(state["numpy"])
        torch.set_rng_state(tensors["random/torch"])
        for i in range(torch.cuda.device_count()):
            torch.cuda.set_rng_state(tensors[f"random/cuda{i}"], i)
        for name in (DIR_MODEL_BEST, DIR_MODEL_LAST):
            shutil.rmtree(self.work / name, ignore_errors=True)
        self._state = None


def _read_checkpoint(output_path: Path, nlp: Language) -> Dict[str, Any]:
    path = find_checkpoint(output_path)
    try:
        with safe_open(path, framework="pt") as file:
            state = json.loads(file.metadata()["state"])
            names = file.keys()
            state["tensors"] = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}): start again without --resume.") from error
    if state["config"] != nlp.config.to_str():
        raise ValueError(f"{path} {OTHER_TRAINING}")
    return cast(Dict[str, Any], state)


def _nodes(nlp: Language) -> Iterator[Tuple[str, Model[Any, Any]]]:
    """Yield the parts of all models, each with a name that is the same in every run."""
    for pipe_name, pipe in nlp.pipeline:
        model = getattr(pipe, "model", None)
        for i, node in enumerate(model.walk() if isinstance(model, Model) else ()):
            yield f"{pipe_name}/{i}", node


def _weights(nlp: Language) -> Iterator[Tuple[Any, str, Any]]:
    """Yield all weights, each with the key by which an optimizer knows it and its name."""
    for place, node in _nodes(nlp):
        for name in node.param_names:
            if node.has_param(name):
                yield (node.id, name), f"{place}/{name}", node.get_param(name)
        for shim in node.shims:
            if isinstance(shim, ModuleShim) and shim.has_module:
                for name, parameter in shim.module.named_parameters():
                    yield (shim.id, name), f"{place}/{name}", parameter.data


def _to_tuples(value: Any) -> Any:
    """Turn the lists of a JSON value into tuples, which JSON does not have."""
    return tuple(map(_to_tuples, value)) if isinstance(value, list) else value


class _NamesOutput:
    """Standard output, with the models' final directory in place of the one that spaCy writes to."""

    def __init__(self, stream: TextIO, work: Path, output_path: Path) -> None:
        self._stream, self._work, self._output_path = stream, str(work), str(output_path)

    def write(self, text: str) -> int:
        return self._stream.write(text.replace(self._work, self._output_path))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
