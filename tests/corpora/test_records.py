import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_lstm_tagger.corpora import records
from spacy_lstm_tagger.corpora.records import BadRecord, read_csv, read_lines, read_sentences


def rows(content, delimiter=","):
    return list(read_csv(io.BytesIO(content), delimiter))


@given(st.lists(st.binary().filter(lambda line: b"\n" not in line and not line.endswith(b"\r"))))
def test_lines_are_those_between_line_feeds(lines):
    content = b"".join(line + b"\n" for line in lines)
    found = list(read_lines(io.BytesIO(content)))
    expected = [line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line for number, line in enumerate(lines)]
    assert [(record.line, record.content) for record in found] == list(enumerate(expected, 1))


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_lines_do_not_depend_on_how_much_is_read_at_once(monkeypatch, chunk):
    monkeypatch.setattr(records, "CHUNK", chunk)
    content = b"\xef\xbb\xbfa\r\n\nb\rc\n\nlast"
    assert [record.content for record in read_lines(io.BytesIO(content))] == [b"a", b"", b"b\rc", b"", b"last"]


def test_sentences_end_with_an_empty_line():
    found = list(read_sentences(io.BytesIO(b"\n# x\n1\ta\n\n\n1\tb\n2\tc")))
    assert found == [(2, b"# x\n1\ta"), (6, b"1\tb\n2\tc")]


text = st.text(st.characters(codec="utf-8"), max_size=8)


@given(st.lists(st.tuples(text, text), max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_rows_of_csv_are_those_that_were_written(values, end):
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([("id", "text"), *values])
    found = [json.loads(record.content) for record in rows(stream.getvalue().encode())]
    assert found == [{"id": a, "text": b} for a, b in values]


def test_rows_of_csv_have_the_number_of_their_first_line():
    found = rows(b'id,text\n1,"a\nb ""c"""\n\n2,d\n')
    assert [record.line for record in found] == [2, 5]
    assert json.loads(found[0].content)["text"] == 'a\nb "c"'


def test_tabs_can_be_between_fields():
    assert json.loads(rows(b"id\ttext\n1\ta, b\n", "\t")[0].content) == {"id": "1", "text": "a, b"}


def test_bad_rows_of_csv_do_not_stop_the_others():
    found = rows(b'id,text\n1,a\n2\n3,c,d\n4,"e" f\n5,g\n6,"never closed\n7,h\n')
    assert [record.line for record in found] == [2, 3, 4, 5, 6, 7]
    assert [isinstance(record, BadRecord) for record in found] == [False, True, True, True, False, True]
    assert found[1].reason == "2 fields were expected, not 1"
    assert "expected after" in found[3].reason
    assert "begins in line 7 and was read to 8" in found[5].reason


def test_field_that_is_too_long_is_an_error(monkeypatch):
    monkeypatch.setattr(records, "LONGEST_FIELD", 10)
    good, bad, last = rows(b"text\nshort\nmuch too long for it\nlast\n")
    assert "field larger than field limit" in bad.reason and bad.line == 3
    assert (good.line, last.line) == (2, 4)


@pytest.mark.parametrize("content", [b"a,a\n1,2\n", b"a,b,a\n"])
def test_columns_with_one_name_are_an_error(content):
    with pytest.raises(ValueError, match="two columns are called 'a'"):
        rows(content)


def test_bad_record_shows_its_beginning_as_valid_unicode():
    bad = BadRecord.of(3, ValueError("why"), b"caf\xe9" + b"x" * 5000)
    assert bad == (3, "why", "caf\\xe9" + "x" * (records.SHOWN - 4))
    assert BadRecord.of(3, "why", "a\ud800").content == "a\\ud800"
