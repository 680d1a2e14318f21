from pathlib import Path
from typing import List

import pytest

from spacy_lstm_tagger.formats.treebank import find_part
from spacy_lstm_tagger.formats.treebank_directory import describe_treebank, find_parts, name_license

README = """# Summary

License: in the text above the mark, nothing counts

<pre>
=== Machine-readable metadata (DO NOT REMOVE!) ===
Data available since: UD v2.0
License: CC BY-NC-SA 3.0
Contributors: Doe, Jane; Roe, Richard
</pre>
"""


def make(directory: Path, *names: str) -> Path:
    directory.mkdir(exist_ok=True)
    for name in names:
        (directory / name).touch()
    return directory


def test_part_in_several_files_is_found_whole(tmp_path: Path) -> None:
    names = ["de_hdt-ud-train-a-1.conllu", "de_hdt-ud-train-a-2.conllu", "de_hdt-ud-train-b-1.conllu"]
    make(tmp_path, *names, "de_hdt-ud-dev.conllu", "de_hdt-ud-test.conllu")
    assert [file.name for file in find_parts(tmp_path, "train")] == names
    assert find_parts(tmp_path, "dev") == [tmp_path / "de_hdt-ud-dev.conllu"]


def test_parts_of_two_treebanks_are_not_mixed(tmp_path: Path) -> None:
    make(tmp_path, "a-ud-train.conllu", "b-ud-train.conllu")
    with pytest.raises(ValueError, match=r"several train files: a-ud-train\.conllu, b-ud-train\.conllu"):
        find_parts(tmp_path, "train")
    assert describe_treebank(tmp_path) is None


def test_missing_part_is_not_another_one(tmp_path: Path) -> None:
    make(tmp_path, "a-ud-train.conllu", "a-ud-test.conllu")
    assert find_parts(tmp_path, "dev") == []
    with pytest.raises(ValueError, match=r"has no dev part, only: test, train\. To use another one, name its file"):
        find_part(tmp_path, "dev")


def test_other_paths_are_no_treebank(tmp_path: Path) -> None:
    make(tmp_path, "sentences.conllu")
    assert find_parts(tmp_path, "train") == [tmp_path]
    assert describe_treebank(tmp_path) is describe_treebank(tmp_path / "sentences.conllu") is None


def test_release_says_whose_it_is(tmp_path: Path) -> None:
    path = make(tmp_path / "UD_Xyz-Small", "xy_small-ud-dev.conllu")
    (path / "README.md").write_text(README)
    (path / "LICENSE.txt").write_text("CC BY 4.0")
    assert describe_treebank(path) == (
        "UD_Xyz-Small",
        "xy",
        "CC BY-NC-SA 3.0",
        "https://github.com/UniversalDependencies/UD_Xyz-Small",
        "Doe, Jane; Roe, Richard",
    )


def test_directory_of_any_name_says_what_it_can(tmp_path: Path) -> None:
    path = make(tmp_path / "data", "xy_small-ud-dev.conllu")
    assert describe_treebank(path) == ("xy_small", "xy", "", "", "")


@pytest.mark.parametrize(
    "address, url",
    [
        ("https://me:secret@example.org/treebanks/UD_A-B.git", "https://example.org/treebanks/UD_A-B"),
        ("http://example.org/UD_A-B/", "https://example.org/UD_A-B"),
        ("git@example.org:UD_A-B.git", ""),
        ("/home/me/UD_A-B", ""),
    ],
)
def test_address_of_a_clone_is_its_remotes_without_password(address: str, url: str, tmp_path: Path) -> None:
    path = make(tmp_path / "clone", "xy_small-ud-dev.conllu")
    make(path / ".git")
    (path / ".git" / "config").write_text(f'[core]\n\tbare = false\n[remote "origin"]\n\turl = {address}\n')
    treebank = describe_treebank(path)
    assert treebank is not None and treebank.url == url


LICENSES = [
    ("Attribution-ShareAlike 4.0 International\n\nCreative Commons Corporation", "CC BY-SA 4.0"),
    ("under the Creative Commons Attribution-ShareAlike\n4.0 International License", "CC BY-SA 4.0"),
    ("Creative Commons Attribution-Noncommercial-Share Alike 3.0", "CC BY-NC-SA 3.0"),
    ("Attribution-NonCommercial-NoDerivatives 4.0 International", "CC BY-NC-ND 4.0"),
    ("http://creativecommons.org/licenses/by-nc-sa/2.5/ca/", "CC BY-NC-SA 2.5"),
    ("The data are CC-BY-4.0.", "CC BY 4.0"),
    ("To the public domain: https://creativecommons.org/publicdomain/zero/1.0/", "CC0 1.0"),
    ("Lesser General Public License For Linguistic Resources\n\nPreamble", "LGPL-LR"),
    ("GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007", "GPL 3.0"),
    ("All rights reserved.", ""),
]


@pytest.mark.parametrize("text, name", LICENSES)
def test_license_is_named(text: str, name: str) -> None:
    assert name_license(text) == name


def test_first_license_of_a_text_counts() -> None:
    texts: List[str] = [text for text, name in LICENSES if name]
    assert name_license("\n".join(texts)) == LICENSES[0][1]
    assert name_license("\n".join(reversed(texts))) == "GPL 3.0"


def test_only_names_of_universal_dependencies_begin_with_a_language(tmp_path: Path) -> None:
    treebank = describe_treebank(make(tmp_path / "data", "my_notes-train.conllu"))
    assert treebank is not None and treebank.language == ""
