"""Why a tagger decides as it does: its decisions, every number of the forward pass, and the reasons."""

import html
import textwrap
from typing import Any, Callable, Iterable, List, NamedTuple, Optional, Union

from spacy.language import Language
from spacy.tokens import Doc

from ..model.shim import get_shim
from ..pipeline.loading import find_tagger
from .decisions import Decisions, decide
from .forward_pass import ForwardPass, run_forward
from .lexicon import KnownWord, Lexicon
from .page.page import render_page
from .reasons import Reasons, find_reasons

MAX_WORDS = 100
REPR_WIDTH = 80


class Explanation(NamedTuple):
    """How the tagger came to its labels for a text. In a notebook it draws itself.

    The fields of its parts are its attributes too: `explanation.states` is `explanation.forward_pass.states`.

    decisions (Decisions): The words, and the probabilities of their labels.
    forward_pass (ForwardPass): What the network computes.
    reasons (Reasons): Which words the labels depend on.
    lexicon (List[KnownWord]): How frequent each word is, and its neighbours.
    """

    decisions: Decisions
    forward_pass: ForwardPass
    reasons: Reasons
    lexicon: List[KnownWord]

    def to_html(self) -> str:
        """RETURNS (str): A page that shows it all, complete in itself."""
        return render_page(*self)

    def __repr__(self) -> str:
        labels = next(iter(self.decisions.chosen.values()))
        tagged = " ".join(f"{word}/{label}" for word, label in zip(self.decisions.words, labels))
        return f"<Explanation of {len(labels)} words: {textwrap.shorten(tagged, REPR_WIDTH, placeholder=' …')}>"

    def _repr_html_(self) -> str:
        page = html.escape(self.to_html())
        return f'<iframe srcdoc="{page}" title="Explanation" style="width: 100%; height: 46rem; border: 0"></iframe>'

    def __getattr__(self, name: str) -> Any:
        for part in (self.decisions, self.forward_pass, self.reasons):
            if not name.startswith("_") and hasattr(part, name):
                return getattr(part, name)
        raise AttributeError(f"An Explanation has no attribute {name!r}.")


def explain(
    nlp: Language,
    text: Union[str, Doc],
    *,
    before: Optional[Language] = None,
    candidates: Optional[Iterable[str]] = None,
    max_words: int = MAX_WORDS,
    on_progress: Callable[[float], object] = lambda share: None,
) -> Explanation:
    """Explain why a pipeline's LSTM tagger labels the words of a text as it does.

    nlp (Language): The pipeline. The components before the tagger are applied first.
    text (Union[str, Doc]): The text.
    before (Optional[Language]): The pipeline before it was trained, to compare its probabilities.
    candidates (Optional[Iterable[str]]): Words to look for neighbours among, and to average, besides those of the text.
        None: the known words whose text the pipeline's vocab has, as the tagger itself keeps no text. There are no
        neighbours then if that is less than half of the known words.
    max_words (int): The most words that are explained. Time and memory grow with their square.
    on_progress (Callable[[float], object]): Is given the share of the work that was done since it was last called.
    RETURNS (Explanation): The explanation. Raises a ValueError if there is no word, or too many.
    """
    tagger = find_tagger(nlp)
    if tagger.model.layers:
        raise ValueError(
            f"'{tagger.name}' reads the vectors of a shared encoder (model.tok2vec), through which its labels cannot "
            "be traced back to words. Explain a tagger without one."
        )
    decisions = decide(tagger, prepare(nlp, text), before, max_words)
    network = get_shim(tagger.model).as_stored().requires_grad_(False).cpu()
    words = decisions.words
    lexicon = Lexicon(tagger, network, words, candidates)
    return Explanation(
        decisions=decisions,
        forward_pass=run_forward(tagger, network, decisions.sentences),
        reasons=find_reasons(tagger, network, decisions, lexicon.average, on_progress),
        lexicon=lexicon.look_up(words),
    )


def prepare(nlp: Language, text: Union[str, Doc]) -> Doc:
    """Run the components before the tagger.

    nlp (Language): The pipeline.
    text (Union[str, Doc]): The text.
    RETURNS (Doc): The text as the tagger gets it.
    """
    tagger = find_tagger(nlp)
    doc = nlp.make_doc(text) if isinstance(text, str) else text.copy()
    for _, pipe in nlp.pipeline:
        if pipe is tagger:
            break
        doc = pipe(doc)
    return doc
