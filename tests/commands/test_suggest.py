"""The sentences that are suggested for annotation, and the way there and back of annotation tools."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import spacy

from spacy_lstm_tagger.commands.suggest import suggest
from spacy_lstm_tagger.formats.treebank import read_docs

PLAIN = ["She reads old books.", "It rains in the morning.", "We bought three apples."]
ODD = "asdf lol kubectl it rn tho"
TEXTS = [*PLAIN, ODD, ODD.upper(), "No.", ""]


@pytest.fixture
def text(tmp_path):
    (tmp_path / "raw.txt").write_text("\n".join(TEXTS), encoding="utf8")
    return tmp_path / "raw.txt"


def read(path):
    return list(read_docs(path, spacy.blank("en").vocab))


def labels(docs):
    return [[(token.text, token.pos_) for token in doc] for doc in docs]


def test_the_most_doubtful_comes_first_and_none_twice(tmp_path):
    selected = suggest([*TEXTS, *TEXTS], tmp_path / "out.conllu", model="en_fast")
    texts = [doc.text for doc, _ in selected]
    assert "kubectl" in texts[0].lower()
    assert set(PLAIN) < set(texts) and len({text.lower() for text in texts}) == len(texts)
    assert selected[0][1] == max(score for _, score in selected)


def test_words_that_were_selected_count_less(tmp_path):
    texts = ["asdf lol kubectl now", "asdf lol kubectl then", "qwerty zxcv grep tomorrow", *PLAIN]
    selected = suggest(texts, tmp_path / "out.conllu", model="en_fast", n=2)
    assert "qwerty zxcv grep tomorrow" in [doc.text for doc, _ in selected]


@pytest.mark.parametrize("suffix", [".jsonl", ".conllu"])
def test_what_is_written_is_read(run_spacy, text, tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    done = run_spacy("lstm-tagger", "suggest", text, path, "--model", "en_fast", "--n", 4)
    assert "4 sentences, about" in done.stdout
    selected = suggest(TEXTS, tmp_path / "again.conllu", model="en_fast", n=4)
    assert labels(read(path)) == [[(token.text, token.pos_) for token in doc] for doc, _ in selected]
    assert [doc.text.strip() for doc in read(path)] == [doc.text for doc, _ in selected]


def test_a_line_that_is_not_utf8_is_named(run_spacy, text, tmp_path):
    text.write_bytes("She reads old books.\nUn caf\xe9 noir.\n".encode("latin1"))
    done = run_spacy("lstm-tagger", "suggest", text, tmp_path / "out.conllu", "--model", "en_fast", check=False)
    assert done.returncode == 1
    assert "Line 2 of the input is not UTF-8: its byte 6 is 0xe9" in done.stderr + done.stdout
    assert not (tmp_path / "out.conllu").exists()


@pytest.mark.parametrize("suffix", [".jsonl", ".conllu"])
def test_odd_whitespace_keeps_the_words(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    ((doc, _),) = suggest(["a\u00a0b\tc  d e f"], path, model="en_fast")
    assert labels(read(path)) == [[(token.text, token.pos_) for token in doc if not token.is_space]]


def test_prodigy_tasks_have_the_documented_form_and_come_back(run_spacy, text, tmp_path):
    run_spacy("lstm-tagger", "suggest", text, tmp_path / "out.jsonl", "--model", "en_fast", "--n", 3)
    tasks = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    for task in tasks:
        assert set(task) == {"text", "tokens", "spans", "meta"}
        for i, token in enumerate(task["tokens"]):
            assert set(token) == {"text", "start", "end", "id", "ws"} and token["id"] == i
            assert task["text"][token["start"] : token["end"]] == token["text"]
        for span in task["spans"]:
            assert set(span) == {"start", "end", "token_start", "token_end", "label"}
            first, last = (task["tokens"][span[end]] for end in ("token_start", "token_end"))
            assert (first["start"], last["end"]) == (span["start"], span["end"])
    tasks[0]["spans"][0]["label"] = "INTJ"
    del tasks[0]["spans"][1]
    answers = [{**task, "answer": answer} for task, answer in zip(tasks, ("accept", "reject", "ignore"))]
    (tmp_path / "back.jsonl").write_text("\n".join(map(json.dumps, answers)))
    (doc,) = read(tmp_path / "back.jsonl")
    assert doc.text == tasks[0]["text"] and [token.pos_ for token in doc][:2] == ["INTJ", ""]


def test_label_studio_tasks_have_the_documented_form_and_come_back(run_spacy, text, tmp_path):
    run_spacy("lstm-tagger", "suggest", text, tmp_path / "out.json", "--model", "en_fast", "--n", 3)
    tasks = json.loads((tmp_path / "out.json").read_text())
    view = ElementTree.parse(tmp_path / "out.xml").getroot()
    names = {control.tag: control.get("name") for control in view}
    known = {label.get("value") for label in view.iter("Label")}
    for task in tasks:
        (prediction,) = task["predictions"]
        assert set(task["data"]) == {view.find("Text").get("value").lstrip("$")}
        for part in prediction["result"]:
            assert (part["from_name"], part["to_name"], part["type"]) == (names["Labels"], names["Text"], "labels")
            value = part["value"]
            assert task["data"]["text"][value["start"] : value["end"]] == value["text"]
            assert set(value["labels"]) <= known
    results = [task["predictions"][0]["result"] for task in tasks]
    results[0][0]["value"]["labels"] = ["INTJ"]
    relation = {"from_id": "word0", "to_id": "word1", "type": "relation"}
    back = [
        {"id": 1, "data": tasks[0]["data"], "annotations": [{"result": []}, {"result": [*results[0][:2], relation]}]},
        {"id": 2, "data": tasks[1]["data"], "annotations": [{"result": results[1], "was_cancelled": True}]},
        {"id": 3, "data": tasks[2]["data"], "annotations": []},
    ]
    (tmp_path / "back.json").write_text(json.dumps(back))
    (doc,) = read(tmp_path / "back.json")
    assert doc.text == tasks[0]["data"]["text"]
    assert doc[0].pos_ == "INTJ" and not any(token.pos_ for token in doc[2:])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"text": "a b", "tokens": [{"start": 0}]}', "line 1: not a task of Prodigy"),
        ('{"text": "a b", "tokens": [{"start": 0, "end": 2}, {"start": 1, "end": 3}]}', "words overlap at character 1"),
        ('{"text": "a b", "tokens": [{"start": 0, "end": 9}]}', "ends beyond the text"),
        ('[{"data": {"txt": "a"}, "annotations": [{"result": []}]}]', "task 1: not a task of Label Studio"),
        ('[{"data": {"text": ""}, "annotations": [{"result": []}]}]', "there are no words"),
    ],
)
def test_damaged_annotation_is_an_error_that_names_the_place(tmp_path, text, message):
    (tmp_path / "back.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "back.json")


@pytest.mark.parametrize(
    ("output", "options", "message"),
    [
        ("out.csv", [], "none of the suffixes that tell the format"),
        ("out.conllu", ["--layer", "x"], "does not set 'x'"),
    ],
)
def test_wrong_use_is_an_error(run_spacy, text, tmp_path, output, options, message):
    done = run_spacy("lstm-tagger", "suggest", text, tmp_path / output, "--model", "en_fast", *options, check=False)
    assert done.returncode == 1 and message in " ".join(done.stderr.split())
    assert not (tmp_path / output).exists()


def test_corrected_labels_are_learned(run_spacy, tmp_path):
    lines = [json.dumps({"text": "aspirin helps", "tokens": [{"start": 0, "end": 7}, {"start": 8, "end": 13}],
                         "spans": [{"start": 0, "end": 7, "label": "DRUG"}]})] * 10  # fmt: skip
    (tmp_path / "back.jsonl").write_text("\n".join(lines))
    options = ["--base", "en_fast", "--training.max_steps=120", "--training.eval_frequency=120"]
    path = tmp_path / "back.jsonl"
    run_spacy("lstm-tagger", "train", path, tmp_path / "out", "--dev", path, *options)
    doc = spacy.load(Path(tmp_path) / "out" / "model-best")("aspirin helps")
    assert [token.tag_ for token in doc] == ["DRUG", "VBZ"]
