"""Pick the sentences of a text that are most worth annotating."""

from itertools import chain
from pathlib import Path
from typing import Iterable, List, Optional, Tuple

import srsly
import typer
from spacy.tokens import Doc
from wasabi import msg

from ..atomic_files import replace_file
from ..formats.annotation_tools import label_studio_config, to_label_studio, to_prodigy
from ..formats.conllu import render_conllu
from ..formats.tagged_text import list_misc
from ..pipeline.loading import find_tagger, load_pipeline
from ..training.selection import select_sentences
from .cli import clean_exit, lstm_tagger_cli, show_progress
from .tag import read_lines

Selected = List[Tuple[Doc, float]]


def _render_prodigy(selected: Selected, layer: str, model: str) -> str:
    return "".join(srsly.json_dumps(to_prodigy(doc, layer, score)) + "\n" for doc, score in selected)


def _render_label_studio(selected: Selected, layer: str, model: str) -> str:
    return str(srsly.json_dumps([to_label_studio(doc, layer, score, model) for doc, score in selected], indent=2))


def _render_conllu(selected: Selected, layer: str, model: str) -> str:
    return "".join(render_conllu([doc for doc, _ in selected], list_misc))


# By the suffix of the file.
RENDER = {".jsonl": _render_prodigy, ".json": _render_label_studio, ".conllu": _render_conllu}


@lstm_tagger_cli.command("suggest")
def suggest_cli(
    input_path: Path = typer.Argument(
        ..., metavar="TEXT", help="Raw text, UTF-8, a text a line", exists=True, dir_okay=False
    ),
    output_path: Path = typer.Argument(
        ..., metavar="OUTPUT", help=".jsonl for Prodigy, .json for Label Studio, or .conllu", dir_okay=False
    ),
    model: str = typer.Option("en", "--model", "-m", metavar="DIR|en", help="The tagger that is to learn from them"),
    n: int = typer.Option(100, "--n", "-n", help="How many sentences", min=1),
    layer: Optional[str] = typer.Option(None, "--layer", help="pos or tag. Default: pos, if the tagger sets it"),
) -> None:
    """
    Pick the sentences of a text from which a tagger would learn most, and write them with its labels, to be corrected
    in Prodigy, Label Studio or a text editor. `train` reads what comes back, with --base MODEL.
    """
    with clean_exit():
        size = input_path.stat().st_size
        with input_path.open("rb") as file, show_progress(unit="B", total=size) as progress:
            texts = chain.from_iterable(read_lines(file, progress.update))
            selected = suggest(texts, output_path, model=model, n=n, layer=layer)
        n_wrong = sum(score * len(doc) for doc, score in selected)
        msg.good(f"{len(selected)} sentences, about {n_wrong:.0f} wrong labels in them: {output_path}")
        if output_path.suffix == ".json":
            msg.info(f"Label Studio's labelling interface: {output_path.with_suffix('.xml')}")


def suggest(
    texts: Iterable[str], output_path: Path, *, model: str = "en", n: int = 100, layer: Optional[str] = None
) -> Selected:
    """Pick sentences, and write them with the tagger's labels.

    texts (Iterable[str]): The texts.
    output_path (Path): The file. Its suffix tells the format: ".jsonl" for Prodigy, ".json" for Label Studio, beside
        which its labelling interface is written as ".xml", or ".conllu", where MISC has the confidences.
    model (str): Directory or package of a pipeline with an LSTM tagger, or a tagger that ships with this package.
    n (int): How many.
    layer (Optional[str]): "pos" or "tag". None: "pos", if the tagger sets it.
    RETURNS (List[Tuple[Doc, float]]): The sentences, and the mean probability that a label is wrong. Raises a
        ValueError for another suffix, or a layer that the tagger does not set.
    """
    if output_path.suffix not in RENDER:
        raise ValueError(f"{output_path} has none of the suffixes that tell the format: {', '.join(RENDER)}.")
    nlp = load_pipeline(model, store_confidence=True)
    layers = [name for name in ("pos", "tag") if name in find_tagger(nlp).set_layers]
    layer = layer or layers[0]
    if layer not in layers:
        raise ValueError(f"The tagger does not set {layer!r}. Use: {', '.join(layers)}.")
    selected = select_sentences(nlp, texts, layer, n)
    rendered = RENDER[output_path.suffix](selected, layer, str(model))
    output_path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(output_path) as new:
        new.write_text(rendered, encoding="utf8")
    if output_path.suffix == ".json":
        labels = find_tagger(nlp).pos_labels if layer == "pos" else find_tagger(nlp).labels
        output_path.with_suffix(".xml").write_text(label_studio_config(labels), encoding="utf8")
    return selected
