"""The examples in docstrings run, and give what they show."""

import doctest
import re
import shutil

import pytest

import spacy_lstm_tagger
import spacy_lstm_tagger.explain
from spacy_lstm_tagger.commands.train import train
from spacy_lstm_tagger.formats.drawn_text import render
from spacy_lstm_tagger.pipeline.component import LSTMTaggerPipe
from spacy_lstm_tagger.pipeline.loading import load_pipeline
from spacy_lstm_tagger.tables.annotator import Annotator
from spacy_lstm_tagger.tables.token_table import lstm_tagger_table

from .conftest import ROOT

DOCUMENTED = [
    Annotator,
    spacy_lstm_tagger,
    spacy_lstm_tagger.explain,
    LSTMTaggerPipe,
    LSTMTaggerPipe.predict_proba,
    load_pipeline,
    lstm_tagger_table,
    render,
    train,
]


class WithoutColours(doctest.OutputChecker):
    def check_output(self, want, got, optionflags):
        return super().check_output(want, re.sub(r"\x1b\[[\d;]*m", "", got), optionflags)


@pytest.mark.parametrize("documented", DOCUMENTED, ids=lambda documented: documented.__name__)
def test_examples_give_what_they_show(documented, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "corpus", tmp_path / "corpus")
    monkeypatch.chdir(tmp_path)
    (example,) = doctest.DocTestFinder(recurse=False).find(documented, globs={})
    report = []
    runner = doctest.DocTestRunner(WithoutColours(), optionflags=doctest.ELLIPSIS)
    results = runner.run(example, out=report.append)
    assert results.attempted > 0
    assert not results.failed, "".join(report)
