"""README and the pages of `docs/`, and what they have in blocks: commands, Python, and output."""

import re
from typing import Iterator, List, NamedTuple

from .conftest import ROOT

README = (ROOT / "README.md").read_text("utf8")
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}


class Block(NamedTuple):
    """A block of a page, and what the page shows of its output."""

    language: str
    code: str
    shown: str

    @property
    def commands(self) -> List[str]:
        lines = self.code.replace("\\\n", " ").splitlines()
        return [line.strip() for line in lines if line.strip()]


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


def without_margins(text: str) -> List[str]:
    return [line.rstrip() for line in text.strip().splitlines()]
