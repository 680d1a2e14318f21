"""The notebooks run, and what is stored in them is what they give."""

import json
import re

import pytest

from .conftest import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
LARGEST = 300_000  # bytes, of which a page of `explain` takes most


def texts(cells):
    """What cells print or show as text, without the numbers: processors differ in the last digits."""
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    found = ["".join(output.get("text") or output["data"]["text/plain"]) for output in outputs]
    return [re.sub(r"[+-]?\d+(\.\d+)?", "0", text).split() for text in found]


def test_there_are_notebooks():
    assert [path.stem for path in NOTEBOOKS] == ["tag_and_look", "train_your_own"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_small_and_shows_words_in_place(path):
    content = path.read_text("utf8")
    assert len(content.encode()) < LARGEST
    assert not re.search(r"/(home|root|tmp|usr|work|Users)/", content)
    shown = [output for cell in json.loads(content)["cells"] for output in cell.get("outputs", [])]
    assert any("<sub" in "".join(output.get("data", {}).get("text/html", "")) for output in shown)
    assert all(output["output_type"] != "error" for output in shown)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_gives_what_is_stored(path, tmp_path):
    nbformat = pytest.importorskip("nbformat", reason="needs nbclient and ipykernel, of the extra 'dev'")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(path, as_version=4)
    stored = texts(notebook.cells)
    client = nbclient.NotebookClient(notebook, timeout=1200, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    # The figures of a training differ, and with them the lines that tell of it.
    comparable = slice(None) if path.stem == "tag_and_look" else slice(1)
    assert texts(notebook.cells)[comparable] == stored[comparable]
    assert len(texts(notebook.cells)) >= 4
