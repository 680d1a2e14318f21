"""The examples in docstrings run, and give what they show."""

import doctest
import shutil

import pytest

import spacy_lstm_tagger

from .conftest import ROOT


@pytest.mark.parametrize("documented", [spacy_lstm_tagger], ids=lambda documented: documented.__name__)
def test_examples_give_what_they_show(documented, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "corpus", tmp_path / "corpus")
    monkeypatch.chdir(tmp_path)
    (example,) = doctest.DocTestFinder(recurse=False).find(documented, globs={})
    report = []
    results = doctest.DocTestRunner().run(example, out=report.append)
    assert results.attempted > 0
    assert not results.failed, "".join(report)
