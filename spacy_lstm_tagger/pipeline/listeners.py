"""Other components that learn from the tagger's hidden states, as they do from spaCy's `Tok2Vec`, and train it with
their gradients."""

from functools import partial
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

import numpy
from spacy.pipeline.tok2vec import Tok2VecListener
from spacy.tokens import Doc
from thinc.api import Model

from ..model.training_pass import Update
from ..ragged import split


class Pending(NamedTuple):
    """An update that waits for the gradients of listeners.

    update (Update): The forward pass.
    d_logits (List[numpy.ndarray]): The gradient of the tagger's own loss.
    d_states (numpy.ndarray): The sum of the listeners' gradients so far. float32, shape (n_tokens, width).
    """

    update: Update
    d_logits: List[numpy.ndarray]
    d_states: numpy.ndarray


class Listeners:
    """The layers that listen to a tagger, and the update for which they have not given all their gradients."""

    def __init__(self) -> None:
        self.by_component: Dict[str, List[Model[Any, Any]]] = {}
        self._pending: Optional[Pending] = None

    def find(self, component: Any, upstream: str) -> List[Model[Any, Any]]:
        """RETURNS (List[Model]): The layers of a component that listen to the one with the name `upstream`. Those that
        listen to any ("*") mean spaCy's `Tok2Vec`."""
        if not isinstance(getattr(component, "model", None), Model):
            return []
        nodes = component.model.walk()
        return [node for node in nodes if isinstance(node, Tok2VecListener) and node.upstream_name == upstream]

    @property
    def layers(self) -> List[Any]:
        """RETURNS (List[Model]): The layers that listen, of all components."""
        return [listener for of_component in self.by_component.values() for listener in of_component]

    @property
    def is_waiting(self) -> bool:
        """RETURNS (bool): Whether an update waits for gradients."""
        return self._pending is not None

    def check_width(self, width: int) -> None:
        """Raise a ValueError if a listener expects states of another width."""
        for name, listeners in self.by_component.items():
            for listener in listeners:
                if listener.get_dim("nO") != width:
                    raise ValueError(
                        f"The LSTM's states have width {width}, but '{name}' expects {listener.get_dim('nO')}. Set "
                        f"width = {width} in [components.{name}.model.tok2vec]."
                    )

    def send(
        self, docs: Sequence[Doc], update: Update, d_logits: List[numpy.ndarray], on_backprop: Callable[[], None]
    ) -> None:
        """Give the listeners the states of an update, and wait for their gradients.

        docs (Sequence[Doc]): The docs.
        update (Update): The forward pass.
        d_logits (List[numpy.ndarray]): The gradient of the tagger's own loss.
        on_backprop (Callable[[], None]): Is called when the weights have their gradients.
        """
        states = update.states
        self.check_width(states.shape[1])
        self._pending = Pending(update, d_logits, numpy.zeros_like(states))
        lengths = [len(doc) for doc in docs]
        listeners = self.layers

        def receive(is_last: bool, d_states: Sequence[Any]) -> List[Any]:
            if self._pending is not None and self._pending.update is update and len(d_states):
                ops = listeners[0].ops
                self._pending.d_states[:] += numpy.concatenate([ops.to_numpy(of_doc) for of_doc in d_states])
            if is_last:
                self.backprop()
                on_backprop()
            return []

        batch_id = Tok2VecListener.get_batch_id(docs)
        for listener in listeners:
            is_last = listener is listeners[-1]
            outputs = [listener.ops.asarray(of_doc) for of_doc in split(states, lengths)]
            listener.receive(batch_id, outputs, partial(receive, is_last))

    def backprop(self) -> None:
        """Backpropagate the update that waits, if one does, with the gradients that came so far."""
        if self._pending is not None:
            update, d_logits, d_states = self._pending
            self._pending = None
            update(d_logits, split(d_states, map(len, d_logits)))
