import pytest

from spacy_lstm_tagger.corpora.shards import find_shards


@pytest.fixture
def corpus(tmp_path):
    for name in (
        "b/part-10.txt",
        "b/part-2.txt.gz",
        "b/same.txt",
        "b/same.jsonl",
        "a.JSONL.zst",
        "README.md",
        "_SUCCESS",
        ".hidden/x.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path


def test_folder_is_read_with_what_is_below_it(corpus):
    listing = find_shards(str(corpus))
    assert [(s.name, s.format, s.compression) for s in listing.shards] == [
        ("a", "jsonl", "zstd"),
        ("b/part-10", "text", None),
        ("b/part-2", "text", "gzip"),
        ("b/same.jsonl", "jsonl", None),
        ("b/same.txt", "text", None),
    ]
    assert listing.skipped == ["README.md"]
    assert listing.shards[0].address == str(corpus / "a.JSONL.zst") and listing.shards[0].size == 1


@pytest.mark.parametrize("pattern, names", [("b/part*", ["part-10", "part-2"]), ("*/same.txt", ["b/same"])])
def test_glob_names_are_relative_to_the_folder_before_it(corpus, pattern, names):
    assert [shard.name for shard in find_shards(str(corpus / pattern)).shards] == names


def test_single_file(corpus):
    (shard,) = find_shards(str(corpus / "b" / "part-2.txt.gz")).shards
    assert (shard.name, shard.format, shard.compression) == ("part-2", "text", "gzip")


def test_format_can_be_named(corpus):
    listing = find_shards(str(corpus / "README.md"), "text")
    assert [(shard.name, shard.format) for shard in listing.shards] == [("README", "text")]


def test_name_with_a_bracket_is_no_glob(corpus):
    (corpus / "x[1].txt").write_text("x")
    assert [shard.name for shard in find_shards(str(corpus / "x[1].txt")).shards] == ["x[1]"]


def test_addresses_of_other_file_systems():
    from fsspec.implementations.memory import MemoryFileSystem

    fs = MemoryFileSystem()
    fs.pipe_file("/shards-of-a-test/news/a.txt", b"Run\n")
    (shard,) = find_shards("memory://shards-of-a-test").shards
    assert shard.address == "memory:///shards-of-a-test/news/a.txt" and shard.name == "news/a" and shard.size == 4


@pytest.mark.parametrize(
    "source, format, message",
    [
        ("nothing", None, "There is no .*nothing: a file, a folder or a pattern"),
        ("nothing*.txt", None, "There are no files in"),
        ("README.md", None, "What is in .*README.md. Its name should end with one of .txt"),
        ("", "xml", "There is no format 'xml'. Use one of: text, jsonl"),
        ("*.md", None, "What is in"),
        ("b/same.txt", "spacy", ""),
    ],
)
def test_mistakes_are_named(corpus, source, format, message):
    if not message:
        assert find_shards(str(corpus / source), format).shards[0].format == "spacy"
        return
    with pytest.raises((ValueError, OSError), match=message):
        find_shards(str(corpus / source), format)


def test_parquet_within_gzip_is_refused(tmp_path):
    (tmp_path / "a.parquet.gz").write_text("x")
    with pytest.raises(ValueError, match="parquet is compressed inside and is not read from gzip"):
        find_shards(str(tmp_path))
