import json

import pytest


def tag(run_spacy, *arguments, **kwargs):
    return run_spacy("lstm-tagger", "tag", *arguments, **kwargs)


def test_prints_a_table(run_spacy, trained_path):
    lines = tag(run_spacy, "The dog ate the apples .", "--model", trained_path).stdout.splitlines()
    assert [line.split() for line in lines if line.startswith("dog")] == [["dog", "NOUN", "NN", "Number=Sing"]]


@pytest.mark.parametrize("format", ["table", "conllu", "json", "tsv", "html"])
def test_prints_every_format(run_spacy, trained_path, format):
    done = tag(run_spacy, "The dog", "Yes !", "--model", trained_path, "--format", format, "--confidence")
    assert all(word in done.stdout for word in ("dog", "NOUN", "INTJ"))


@pytest.mark.parametrize("source", ["file", "-"])
def test_reads_a_text_a_line(run_spacy, trained_path, tmp_path, source):
    text = "The dog ate the apples .\nYes !\n"
    path = tmp_path / "texts.txt"
    path.write_text(text)
    arguments = ["--input", path if source == "file" else "-", "--model", trained_path, "--format", "json"]
    docs = [json.loads(line) for line in tag(run_spacy, *arguments, input=text).stdout.splitlines()]
    assert [doc["text"] for doc in docs] == text.splitlines()
    assert [token["tag"] for token in docs[1]["tokens"]] == ["UH", "."]


def test_needs_texts_or_input(run_spacy, trained_path):
    done = tag(run_spacy, "--model", trained_path, check=False)
    assert done.returncode == 1 and "--input" in done.stderr
    done = tag(run_spacy, "text", "--input", "-", "--model", trained_path, check=False)
    assert done.returncode == 1 and "either" in done.stderr


def test_model_that_is_not_there_is_spacys_error(run_spacy, tmp_path):
    done = tag(run_spacy, "text", "--model", tmp_path / "nothing", check=False)
    assert done.returncode == 1
    assert "E050" in done.stderr and "Traceback" not in done.stderr
