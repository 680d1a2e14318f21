"""Every command and all Python in README and in the pages of `docs/` run, page by page, on the sample corpus, and print
what the pages show."""

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple

import pytest
import spacy
import srsly
import torch

import spacy_lstm_tagger
from spacy_lstm_tagger.commands import lstm_tagger_cli

from .conftest import ROOT, Done
from .serving import serve

README = (ROOT / "README.md").read_text("utf8")
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}

# What installs packages, which .ci/run does, and what runs the tests.
NOT_RUN = ("pip install ", "make ")
RUN = ("git clone ", "mkdir -p ", "python -m spacy ", "python tests/benchmarks/")
# Long enough to see that it works.
SHORT_TRAINING = "--training.max_steps 20 --training.eval_frequency 10"
SHORT_BENCHMARKS = {
    "compare_analysis.py": "--max-steps 20 --configs fast",
    "compare_processors.py": "",
    "compare_with_spacy.py": "--max-steps 20 --repeat 1",
    "measure_speed.py": "--words 1000 --longest 1000",
    "measure_pretrained.py": "",
    "measure_raw_text.py": "",
    "measure_replaced.py": "",
    "measure_verbs.py": "",
    "measure_analysis.py": "",
    "measure_memory.py": "--tokens 1000",
    "compare_speed.py": "",
    "learning_curve.py": "--sizes 100 --steps 20",
    "measure_gpu.py": "--words 1000 --steps 2",
    "measure_annotate.py": "--tokens 1000 --ways local-1",
}
TREEBANK = "UD_English-EWT"
PIPELINE = "models/en_ewt"


class Block(NamedTuple):
    """Commands or Python of a page, and what the page shows of their output."""

    language: str
    code: str
    shown: str

    @property
    def commands(self) -> List[str]:
        return [line.strip() for line in self.code.splitlines() if line.strip()]


def blocks(text: str) -> Iterator[Block]:
    """Fenced blocks, and as shell those that are indented. A block "text" that follows at once is the output."""
    found = re.findall(
        r"^```(\w+)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?|^((?:    [^\n]+\n)+)(?:\n```text\n(.*?)^```\n)?",
        text,
        flags=re.MULTILINE | re.DOTALL,
    )
    for language, fenced, after_fenced, indented, after_indented in found:
        yield Block(language or "bash", fenced or indented, after_fenced or after_indented)


def shell_commands(text: str) -> List[str]:
    """The commands of a page."""
    return [command for block in blocks(text) if block.language == "bash" for command in block.commands]


@pytest.mark.parametrize("page", PAGES)
def test_page_names_no_command_that_is_not_run(page: str) -> None:
    known = (*RUN, *NOT_RUN)
    assert [command for command in shell_commands(PAGES[page]) if not command.startswith(known)] == []


def test_blocks_are_found() -> None:
    assert sum(len(shell_commands(text)) for text in PAGES.values()) > 50
    assert sum(bool(block.shown) for text in PAGES.values() for block in blocks(text)) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if any(blocks(text))])
def test_commands_and_python(
    page: str,
    run: Callable[..., Done],
    run_spacy: Callable[..., Done],
    trained_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path, PAGES[page], trained_path)
    namespace: Any = {}
    for block in blocks(PAGES[page]):
        if block.language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile(block.code, page, "exec"), namespace)
            output = printed.getvalue()
        elif block.language == "bash":
            output = "".join(run_command(command, tmp_path, run, run_spacy) for command in block.commands)
        if block.shown:
            assert without_margins(output) == without_margins(block.shown)


def without_margins(text: str) -> List[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def prepare(directory: Path, page: str, trained_path: Path) -> None:
    """The files that pages name, and do not make themselves."""
    for name in ("configs", "corpus", "tests/benchmarks"):
        shutil.copytree(ROOT / name, directory / name)
    (directory / "notes.txt").write_text(6 * "She reads.\nThe dog ate the apple.\n", encoding="utf8")
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(directory / "my_pipeline")
    (directory / "models").mkdir()
    if f"git clone https://github.com/UniversalDependencies/{TREEBANK}" not in page:
        write_treebank(directory / TREEBANK)
    if f" {PIPELINE}\n" not in page:
        shutil.copytree(trained_path, directory / PIPELINE / "model-best")


def run_command(command: str, directory: Path, run: Callable[..., Done], run_spacy: Callable[..., Done]) -> str:
    """Run a command of a page, and return what it prints."""
    program, *arguments = shlex.split(command)
    if command.startswith(NOT_RUN):
        return ""
    if program == "git":
        clone(arguments, directory)
    elif program == "mkdir":
        (directory / arguments[-1]).mkdir(parents=True, exist_ok=True)
    elif command.startswith("python tests/benchmarks/"):
        benchmark = Path(arguments[0]).name
        if benchmark != "measure_gpu.py" or torch.cuda.is_available():
            run(*arguments, *SHORT_BENCHMARKS[benchmark].split())
    elif command.startswith("python -m spacy huggingface-hub "):
        if find_spec("spacy_huggingface_hub"):
            push(arguments, run)
    elif command.startswith("python -m spacy package "):
        build_wheel(arguments[2:], run_spacy, run)
    else:
        if "train" in arguments[2:4] and "tutorial" not in arguments:
            arguments += SHORT_TRAINING.split()
        return run_spacy(*arguments[2:]).stdout
    return ""


def write_treebank(directory: Path) -> None:
    """The sample, under the names of the treebank."""
    directory.mkdir(parents=True)
    for part in ("train", "dev"):
        sample = (ROOT / "corpus" / f"en_sample-{part}.conllu").read_text(encoding="utf8")
        # So often that spaCy's lemmatizer learns edit trees from its part of it.
        (directory / f"en_ewt-ud-{part}.conllu").write_text(3 * sample, encoding="utf8")


def clone(arguments: List[str], directory: Path) -> None:
    """Clone from a repository on this machine that holds the sample, in the place of the one on the network."""
    url = arguments[-1]
    upstream = directory / "upstream" / Path(url).name
    write_treebank(upstream)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@localhost"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "Sample"]):
        subprocess.run([*git, *command], cwd=upstream, check=True)
    instead = f"url.{upstream.parent.as_uri()}/.insteadOf={url[: url.rindex('/') + 1]}"
    subprocess.run([*git, "-c", instead, *arguments, "--quiet"], check=True)


def build_wheel(arguments: List[str], run_spacy: Callable[..., Done], run: Callable[..., Done]) -> None:
    """Build as spaCy does, but with the setuptools that are here: spaCy fetches its own from the network."""
    run_spacy(*["none" if argument == "wheel" else argument for argument in arguments])
    (package,) = Path(arguments[2]).iterdir()
    run("setup.py", "--quiet", "bdist_wheel", cwd=package)


def push(arguments: List[str], run: Callable[..., Done]) -> None:
    """Publish on a server of this machine that answers as the Hub does."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    pushed = []

    def create(request: Request) -> JSONResponse:
        return JSONResponse({"url": f"{request.base_url}me/model"})

    async def commit(request: Request) -> JSONResponse:
        entries = [json.loads(line) for line in (await request.body()).splitlines()]
        pushed.extend(entry["value"]["path"] for entry in entries if entry["key"] == "file")
        return JSONResponse({"commitUrl": f"{request.base_url}me/model/commit/1", "commitOid": "1"})

    async def plan_upload(request: Request) -> JSONResponse:
        files = (await request.json())["files"]
        return JSONResponse({"files": [{**file, "uploadMode": "regular", "shouldIgnore": False} for file in files]})

    def answer(content: Dict[str, Any]) -> Callable[[Request], JSONResponse]:
        return lambda request: JSONResponse(content)

    routes = [
        Route("/api/whoami-v2", answer({"name": "me"})),
        Route("/api/repos/create", create, methods=["POST"]),
        Route("/api/validate-yaml", answer({"errors": [], "warnings": []}), methods=["POST"]),
        Route("/api/models/me/{name}/preupload/main", plan_upload, methods=["POST"]),
        Route("/api/models/me/{name}/commit/main", commit, methods=["POST"]),
    ]
    with serve(Starlette(routes=routes)) as url:
        run(*arguments, env={**os.environ, "HF_ENDPOINT": url, "HF_TOKEN": "hf_test"})
    assert "lstm_tagger/model.safetensors" in pushed
    assert any(name.endswith(".whl") for name in pushed)


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
