"""The package as users have it. `.ci/run` installs it from a clone, from a source distribution, from the git repository
and as a wheel, and runs these tests in a clone each time.

In a clone's root Python imports the package from there, while spaCy finds its names through what is installed.
"""

import re
import shlex

import pytest

from .conftest import ROOT
from .pages import README, blocks, shell_commands, without_margins

INSTALL = README.partition("\n## Install\n")[2].partition("\n## ")[0]

INSTALLED_FILES = """
from importlib.metadata import distribution
print(*distribution("spacy-lstm-tagger").files, sep="\\n")
"""


@pytest.fixture(params=["in a clone's root", "elsewhere"])
def directory(request, tmp_path):
    return ROOT if request.param == "in a clone's root" else tmp_path


def test_readmes_first_commands_and_python(run, directory):
    commands = [command for command in shell_commands(INSTALL) if not command.startswith("pip ")]
    (tag,) = [run(*shlex.split(command)[1:], cwd=directory).stdout for command in commands]
    assert re.search(r"apple +NOUN +NN", tag)
    first = next(blocks(README))
    printed = run("-c", first.code, cwd=directory).stdout
    assert without_margins(printed) == without_margins(first.shown)


def test_spacys_info(run, directory):
    assert "spaCy version" in run("-m", "spacy", "info", cwd=directory).stdout


def test_installation_holds_every_file_of_the_package(run, tmp_path):
    installed = set(run("-c", INSTALLED_FILES, cwd=tmp_path).stdout.splitlines())
    if "spacy_lstm_tagger/__init__.py" not in installed:
        pytest.skip("The installation is editable.")
    files = [path for path in (ROOT / "spacy_lstm_tagger").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    expected = {
        *(path.relative_to(ROOT).as_posix() for path in files),
        *(f"spacy_lstm_tagger/configs/{path.name}" for path in (ROOT / "configs").glob("*.cfg")),
    }
    assert len(expected) > 50 and expected <= installed
