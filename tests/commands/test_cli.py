import io
import itertools
import re
import sys
from importlib.metadata import version

import pytest
import typer

from spacy_lstm_tagger.commands.cli import clean_exit, show_progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that is a second later whenever somebody looks at it."""
    seconds = itertools.count()
    monkeypatch.setattr("tqdm.std.time", lambda: float(next(seconds)))


@pytest.mark.parametrize("error, code", [(ValueError("bad"), 1), (OSError("bad"), 1), (ImportError("bad"), 1)])
def test_what_the_user_can_mend_ends_with_a_message(error, code, capsys):
    with pytest.raises(typer.Exit) as ended, clean_exit():
        raise error
    assert ended.value.exit_code == code
    assert "bad" in capsys.readouterr().err


def test_interrupt_says_nothing(capsys):
    with pytest.raises(typer.Exit) as ended, clean_exit():
        raise KeyboardInterrupt
    assert ended.value.exit_code == 130
    assert capsys.readouterr() == ("", "")


def test_mistakes_of_the_program_are_not_hidden():
    with pytest.raises(KeyError), clean_exit():
        raise KeyError("a bug")


def test_progress_has_rate_and_time_left(monkeypatch, clock):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(show_progress(range(1000), total=1000, unit=" words")) == list(range(1000))
    assert re.search(r"500/1\.00k \[[\d:]+<[\d:]+, *[\d.]+s/ words\]", sys.stderr.getvalue())


def test_progress_is_not_shown_at_once(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    list(show_progress(range(1000), total=1000, unit=" words"))
    assert sys.stderr.getvalue().strip() == ""


def test_progress_is_not_shown_without_a_terminal(monkeypatch, clock):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    list(show_progress(range(1000), unit=" words"))
    assert sys.stderr.getvalue() == ""


def test_progress_is_not_shown_where_it_is_not_wanted(monkeypatch, clock):
    monkeypatch.setattr(sys, "stderr", Terminal())
    list(show_progress(range(1000), unit=" words", disable=True))
    assert sys.stderr.getvalue() == ""


def test_version_is_shown(run_spacy):
    assert run_spacy("lstm-tagger", "--version").stdout == f"spacy-lstm-tagger {version('spacy-lstm-tagger')}\n"


def test_help_names_the_commands_and_the_version(run_spacy):
    text = run_spacy("lstm-tagger", "--help").stdout
    assert "Train, use and evaluate the LSTM tagger." in text
    assert all(name in text for name in ("--version", "train", "tag", "evaluate", "explain"))
