import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import threading

import pytest
import spacy

from spacy_lstm_tagger.commands.tag import CHUNK, read_lines
from spacy_lstm_tagger.commands.tag import tag as tag_texts

WORDS = "The dog ate the apples ."


class Trickle:
    """A stream that has only so much ready at a time."""

    def __init__(self, *parts):
        self.parts = list(parts)

    def read1(self, size):
        return self.parts.pop(0) if self.parts else b""


@pytest.fixture
def start(trained_path):
    """Starts the command in a process of its own."""
    processes = []

    def start_command(*arguments, **kwargs):
        command = [sys.executable, "-m", "spacy", "lstm-tagger", "tag", "--model", trained_path, *arguments]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **kwargs.pop("env", {})}
        processes.append(subprocess.Popen(command, env=environment, **kwargs))
        return processes[-1]

    yield start_command
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def pipes():
    return {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


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


def test_python_users_can_tag_texts(trained_path):
    pieces = list(tag_texts(iter(["Yes !", "Run"]), trained_path, format="tsv"))
    assert "".join(pieces).splitlines() == [
        "text\tpos\ttag\tmorph",
        "Yes\tINTJ\tUH\t_",
        "!\tPUNCT\t.\t_",
        "",
        "Run\tVERB\tVB\tVerbForm=Inf",
        "",
    ]


CONLLU = "# sent_id = x\n1\tYes\tyes\t_\t_\t_\t0\troot\t_\t_\n\n# sent_id = y\n1\tRun\trun\t_\t_\t_\t0\troot\t_\t_\n\n"


@pytest.mark.parametrize("format", [[], ["--format", "conllu"]])
@pytest.mark.parametrize("source", ["file", "-"])
def test_conllu_is_filled_in(run_spacy, trained_path, tmp_path, source, format):
    path = tmp_path / "data.conllu"
    path.write_text(CONLLU)
    arguments = ["--input", path if source == "file" else "-", "--model", trained_path, *format]
    done = tag(run_spacy, *arguments, input=CONLLU)
    filled = CONLLU.replace("yes\t_\t_\t_", "yes\tINTJ\tUH\t_").replace("run\t_\t_\t_", "run\tVERB\tVB\tVerbForm=Inf")
    assert done.stdout == filled


def test_conllu_is_tagged_in_other_formats_too(run_spacy, trained_path):
    done = tag(run_spacy, "--model", trained_path, "--format", "json", input=CONLLU)
    assert [json.loads(line)["text"].strip() for line in done.stdout.splitlines()] == ["Yes", "Run"]


def test_conllu_output_is_split_into_sentences(run_spacy, trained_path):
    done = tag(run_spacy, "The dog ate . Everybody reads books .", "--model", trained_path, "--format", "conllu")
    assert re.findall("# text = (.*)", done.stdout) == ["The dog ate .", "Everybody reads books ."]


@pytest.mark.parametrize("format", ["json", "tsv"])
def test_sentences_are_shown_by_themselves_with_the_same_labels(run_spacy, trained_path, format):
    arguments = ["The dog ate . Everybody reads books .", "--model", trained_path, "--format", format]
    together, split = (tag(run_spacy, *arguments, *option).stdout for option in ([], ["--sentences"]))
    if format == "tsv":
        assert split.replace("\n\n", "\n").splitlines() == together.replace("\n\n", "\n").splitlines()
        assert split.count("\n\n") == 2
    else:
        lines = list(map(json.loads, split.splitlines()))
        assert [line["text"] for line in lines] == ["The dog ate .", "Everybody reads books ."]
        assert [token for line in lines for token in line["tokens"]] == json.loads(together)["tokens"]


def test_sentences_of_the_pipeline_are_kept(trained, tmp_path, run_spacy):
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", source=trained)
    nlp.add_pipe("sentencizer", config={"punct_chars": ["ate"]}, first=True)
    nlp.to_disk(tmp_path / "nlp")
    done = tag(run_spacy, "The dog ate the apples . Yes !", "--model", tmp_path / "nlp", "--format", "conllu")
    assert re.findall("# text = (.*)", done.stdout) == ["The dog ate", "the apples . Yes !"]


def test_standard_input_is_the_default(run_spacy, trained_path):
    done = tag(run_spacy, "--model", trained_path, "--format", "json", input="Yes !\r\nRun")
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["Yes !", "Run"]
    assert done.stderr == ""


def test_both_texts_and_input_are_a_wrong_use(run_spacy, trained_path):
    done = tag(run_spacy, "text", "--input", "-", "--model", trained_path, check=False)
    assert done.returncode == 2 and "Give either texts, or a file" in done.stderr


def test_input_that_is_not_utf8_is_named(run_spacy, trained_path):
    done = tag(run_spacy, "--model", trained_path, input=b"Run\ncaf\xe9\n", check=False)
    assert done.returncode == 1
    assert "Line 2 of the input is not UTF-8: its byte 3 is 0xe9" in done.stderr and "Traceback" not in done.stderr


def test_unknown_format_is_named(run_spacy, trained_path):
    done = tag(run_spacy, "text", "--model", trained_path, "--format", "xml", check=False)
    assert done.returncode == 1 and "Unknown format 'xml'. Use one of: table, conllu" in done.stderr


def test_output_has_no_colors_and_no_progress_without_a_terminal(run_spacy, trained_path, monkeypatch):
    done = tag(run_spacy, WORDS, "--model", trained_path)
    monkeypatch.delenv("ANSI_COLORS_DISABLED")
    assert tag(run_spacy, WORDS, "--model", trained_path).stdout == done.stdout
    assert "\x1b" not in done.stdout and done.stderr == ""


def test_model_that_is_not_there_is_spacys_error(run_spacy, tmp_path):
    done = tag(run_spacy, "text", "--model", tmp_path / "nothing", check=False)
    assert done.returncode == 1
    assert "E050" in done.stderr and "Traceback" not in done.stderr


def test_directory_of_a_training_names_the_pipeline_in_it(run_spacy, trained_path, tmp_path):
    shutil.copytree(trained_path, tmp_path / "out" / "model-best")
    done = tag(run_spacy, "text", "--model", tmp_path / "out", check=False)
    assert done.returncode == 1
    assert f"Use the pipeline in {tmp_path / 'out' / 'model-best'}." in done.stderr


@pytest.mark.parametrize(
    "parts, batches",
    [
        ([], []),
        ([b"a\nb\n", b"c\n"], [["a", "b"], ["c"]]),
        ([b"a\nb", b"c\n"], [["a"], ["bc"]]),
        ([b"a", b"b", b"c"], [["abc"]]),
        ([b"\xef\xbb\xbfa\r\n\n", b"b\x0b\xe2\x80", b"\xa8c"], [["a", ""], ["b\x0b\u2028c"]]),
    ],
)
def test_lines_come_when_they_are_ready(parts, batches):
    assert [batch for batch in read_lines(Trickle(*parts)) if batch] == batches


def test_progress_counts_every_byte_that_was_read():
    read = []
    assert list(read_lines(Trickle(b"a\nb", b"c"), read.append))
    assert read == [3, 1]


def test_a_line_is_tagged_before_the_next_is_read(start, pipes):
    process = start("--format", "json", **pipes)
    timer = threading.Timer(60, process.kill)  # a command that waits for more lines would wait for ever
    timer.start()
    for text in ("Run", WORDS, "", "Yes !"):
        process.stdin.write(text.encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["text"] == text
    timer.cancel()
    assert process.communicate() == (b"", b"")
    assert process.returncode == 0


def test_interrupt_ends_quietly(start, pipes):
    process = start("--format", "json", **pipes)
    process.stdin.write(b"Run\n")
    process.stdin.flush()
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.communicate() == (b"", b"")
    assert process.returncode == 130


def test_broken_pipe_ends_quietly(start, pipes, tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text((WORDS + "\n") * (CHUNK // len(WORDS)))
    process = start("--input", path, **{**pipes, "stdin": None})
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 141


@pytest.mark.parametrize("no_color", ["", "1"])
def test_table_on_a_terminal_has_colors_unless_they_are_not_wanted(start, no_color):
    terminal, other_end = pty.openpty()
    process = start(WORDS, stdout=other_end, stderr=subprocess.PIPE, env={"NO_COLOR": no_color, "TERM": "xterm"})
    assert process.wait() == 0
    os.close(other_end)
    assert (b"\x1b[" in os.read(terminal, 1 << 16)) == (not no_color)
    os.close(terminal)
