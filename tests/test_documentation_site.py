"""The documentation as a site, README on a package index's page, and CITATION.cff."""

import os
import re
from importlib.metadata import metadata
from pathlib import Path
from typing import Callable

import pytest
import srsly

import spacy_lstm_tagger
from spacy_lstm_tagger.commands import lstm_tagger_cli

from .conftest import ROOT, Done
from .pages import README

# The addresses of the project, from which those in README follow.
URLS = dict(re.findall(r'^(\w+) = "(https://[^"]+)"$', (ROOT / "pyproject.toml").read_text("utf8"), flags=re.MULTILINE))
RAW = URLS["Source"].replace("https://github.com/", "https://raw.githubusercontent.com/") + "/main/"
FILES = URLS["Source"] + "/blob/main/"


def test_readmes_images_are_at_public_addresses_and_in_the_repository() -> None:
    images = re.findall(r"!\[[^]]*\]\(([^)]*)\)|<img src=\"([^\"]*)\"", README)
    assert images
    for image in map("".join, images):
        assert image.startswith(RAW) and (ROOT / image[len(RAW) :]).is_file()


def test_readmes_links_lead_to_pages_and_files_that_exist() -> None:
    links = [link for link in re.findall(r"(?<!!)\[[^]]*\]\(([^)]*)\)", README) if "spacy-lstm-tagger" in link]
    assert len(links) > 10
    for link in links:
        if link.startswith(FILES):
            assert (ROOT / link[len(FILES) :]).is_file()
        else:
            assert link.startswith(URLS["Documentation"]) and link.endswith("/")
            assert (ROOT / "docs" / f"{link[len(URLS['Documentation']) : -1]}.md").is_file()


def test_the_site_is_at_the_projects_address() -> None:
    mkdocs = (ROOT / "mkdocs.yml").read_text("utf8")
    assert f"site_url: {URLS['Documentation']}\n" in mkdocs and f"repo_url: {URLS['Source']}\n" in mkdocs


def test_every_extra_is_described() -> None:
    page = (ROOT / "docs" / "install.md").read_text("utf8")
    extras = metadata("spacy-lstm-tagger").get_all("Provides-Extra")
    assert extras and [extra for extra in extras if f"| `{extra}` |" not in page] == []


def test_every_folder_of_the_package_is_on_the_map() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf8")
    folders = [path.parent.name for path in Path(spacy_lstm_tagger.__file__).parent.glob("*/__init__.py")]
    assert folders and [folder for folder in folders if f"`spacy_lstm_tagger/{folder}/`" not in page] == []


def test_every_benchmark_is_named() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text("utf8")
    scripts = [path.name for path in (ROOT / "tests" / "benchmarks").glob("*.py")]
    assert scripts and [script for script in scripts if f"| `{script}` |" not in page] == []


def test_citation_has_what_the_format_requires_and_the_version() -> None:
    citation = srsly.yaml_loads((ROOT / "CITATION.cff").read_text("utf8"))
    assert citation["cff-version"] == "1.2.0" and citation["message"] and citation["authors"] and citation["type"]
    assert citation["title"] == "spacy-lstm-tagger" and citation["repository-code"] == URLS["Source"]
    assert citation["version"] == spacy_lstm_tagger.__version__


@pytest.fixture(scope="module")
def site(run: Callable[..., Done], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as HTML. A link or an anchor that leads nowhere is an error."""
    pytest.importorskip("mkdocs", reason="needs MkDocs, of the extra 'docs'")
    directory = tmp_path_factory.mktemp("docs") / "site"
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    run("-m", "mkdocs", "build", "--strict", "--site-dir", directory, cwd=ROOT, env=environment)
    return directory


@pytest.mark.slow
def test_every_setting_of_every_config_has_a_meaning(site: Path) -> None:
    page = (site / "settings" / "index.html").read_text("utf8")
    for config in (ROOT / "configs").glob("*.cfg"):
        for setting in re.findall(r"^(@?\w+) =", config.read_text("utf8"), flags=re.MULTILINE):
            rows = re.findall(rf"<td><code>{setting}</code></td>\s*<td>(.*?)</td>\s*<td>(.*?)</td>", page)
            assert rows and all(value and meaning for value, meaning in rows), setting


@pytest.mark.slow
def test_every_command_has_its_help(site: Path) -> None:
    page = (site / "commands" / "index.html").read_text("utf8")
    for command in lstm_tagger_cli.registered_commands:
        assert f'id="{command.name}"' in page and f"lstm-tagger {command.name}" in page


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in spacy_lstm_tagger.__all__ if not name.startswith("_")])
def test_every_public_name_is_described(site: Path, name: str) -> None:
    assert re.search(rf'id="spacy_lstm_tagger\.[\w.]*\.{name}"', (site / "api" / "index.html").read_text("utf8"))


@pytest.mark.slow
def test_docstrings_in_spacys_style_become_lists(site: Path) -> None:
    page = (site / "api" / "index.html").read_text("utf8")
    assert "RETURNS (" not in page and "YIELDS (" not in page
    assert not re.search(r"<p>\w+ \(\w+\): ", page)
