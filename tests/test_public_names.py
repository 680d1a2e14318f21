"""What `import spacy_lstm_tagger` offers, and that it costs nothing until it is used."""

import pydoc
from importlib.metadata import version

import pytest

import spacy_lstm_tagger

IMPORT_NOTHING_HEAVY = """
import sys, spacy_lstm_tagger
assert spacy_lstm_tagger.__version__ and dir(spacy_lstm_tagger)
print(*{name.partition(".")[0] for name in sys.modules} & {"spacy", "thinc", "torch", "numpy", "typer"})
"""

EXPLAIN = """
import sys, spacy
import spacy_lstm_tagger as lt
nlp = spacy.load(sys.argv[1])
for statement in sys.argv[2:]:
    exec(statement)
    print(*lt.explain(nlp, "The dog ate", max_words=3).words)
"""


def test_import_loads_nothing_heavy(run):
    assert run("-c", IMPORT_NOTHING_HEAVY).stdout.split() == []


def test_version_is_that_of_the_installed_package():
    assert spacy_lstm_tagger.__version__ == version("spacy-lstm-tagger")


def test_dir_shows_the_public_names_alone():
    assert dir(spacy_lstm_tagger) == sorted(spacy_lstm_tagger.__all__)


@pytest.mark.parametrize("name", spacy_lstm_tagger.__all__)
def test_public_name_is_there_and_described(name):
    assert getattr(spacy_lstm_tagger, name)
    assert f"- `{name}" in spacy_lstm_tagger.__doc__
    assert name in pydoc.render_doc(spacy_lstm_tagger, renderer=pydoc.plaintext)


def test_help_shows_no_internals():
    text = pydoc.render_doc(spacy_lstm_tagger, renderer=pydoc.plaintext)
    assert not any(name in text for name in ("import_module", "TYPE_CHECKING", "__getattr__", "typing"))


def test_other_names_are_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'spacy_lstm_tagger' has no attribute 'tagger'"):
        spacy_lstm_tagger.tagger  # noqa: B018


@pytest.mark.parametrize(
    "statements",
    [
        ("", "import spacy_lstm_tagger.explain", "from spacy_lstm_tagger.explain.page import page"),
        ("from spacy_lstm_tagger.explain import explain", "from spacy_lstm_tagger import explain"),
    ],
)
def test_explain_is_called_whatever_is_imported_before_or_after(run, trained_path, statements):
    assert run("-c", EXPLAIN, trained_path, *statements).stdout.splitlines() == ["The dog ate"] * len(statements)
