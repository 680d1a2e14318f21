"""The JSON API: answers against the pipeline's own, and errors that say what is wrong."""

import asyncio
import json
import re

import numpy
import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from spacy_lstm_tagger.explain.explanation import explain
from spacy_lstm_tagger.serving.app import make_app

from ..conftest import TEXTS, WITH_LEMMAS, make_pipeline
from .conftest import LIMITS

shared_client = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
JSON_HEADERS = {"Content-Type": "application/json"}


def tag(client, **fields):
    response = client.post("/api/tag", json=fields)
    assert response.status_code == 200, response.text
    return response.json()["docs"]


def labels(token):
    return token["text"], token["tag"], token["pos"], token["morph"]


def test_labels_are_those_of_the_pipeline(client, trained):
    answers = tag(client, texts=TEXTS)
    for text, answer, doc in zip(TEXTS, answers, map(trained, TEXTS), strict=True):
        assert answer["text"] == text
        assert list(map(labels, answer["tokens"])) == [(t.text, t.tag_, t.pos_, str(t.morph)) for t in doc]


def test_one_text_is_answered_as_one_of_several(client):
    assert tag(client, text=TEXTS[3]) == tag(client, texts=[TEXTS[3]])


def test_no_texts_are_no_docs(client):
    assert tag(client, texts=[]) == []


def test_confidence_is_the_probability_of_the_label(client, trained):
    (answer,) = tag(client, text="The dog ate the apples .")
    probabilities = trained.get_pipe("lstm_tagger").predict_proba([trained.make_doc(answer["text"])])[0]
    for layer in ("tag", "pos", "morph"):
        shares = [token["confidence"][layer] for token in answer["tokens"]]
        numpy.testing.assert_allclose(shares, probabilities[layer].max(axis=1), atol=2e-4)


def test_tokens_of_whitespace_have_no_confidence(client):
    (answer,) = tag(client, text="  ")
    assert [(token["pos"], token["confidence"]) for token in answer["tokens"]] == [("SPACE", {})]


def test_layers_that_the_pipeline_lacks_are_empty(client):
    (answer,) = tag(client, text="Everybody reads")
    assert [(token["lemma"], token["sent_start"]) for token in answer["tokens"]] == [("", None), ("", None)]


@shared_client
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_offsets_are_those_of_the_text(client, text):
    (answer,) = tag(client, text=text)
    assert all(answer["text"][token["start"] : token["end"]] == token["text"] for token in answer["tokens"])
    assert "".join(token["text"] + " " * token["whitespace"] for token in answer["tokens"]) == text


def test_lemmas_and_sentences(tmp_path):
    nlp = make_pipeline(steps=60, sentences=WITH_LEMMAS)
    nlp.add_pipe("sentencizer", first=True)
    nlp.to_disk(tmp_path)
    with TestClient(make_app(str(tmp_path))) as client:
        (answer,) = tag(client, text="The dog ate the apples. Everybody reads books")
    starts = [token["text"] for token in answer["tokens"] if token["sent_start"]]
    assert starts == ["The", "Everybody"]
    assert [token["lemma"] for token in answer["tokens"]][:3] == ["the", "dog", "eat"]


@pytest.mark.filterwarnings("ignore:The component 'attribute_ruler' comes after")
def test_labels_that_another_component_sets(tmp_path, trained_path):
    nlp = spacy.load(trained_path)
    nlp.add_pipe("attribute_ruler").add([[{"ORTH": "dog"}]], {"POS": "PROPN", "TAG": "NNP"})
    nlp.to_disk(tmp_path)
    with TestClient(make_app(str(tmp_path))) as client:
        (answer,) = tag(client, text="The dog ate")
        words = client.post("/api/explain", json={"text": "The dog ate"}).json()["words"]
    assert [token["pos"] for token in answer["tokens"]] == ["DET", "PROPN", "VERB"]
    assert words[1]["labels"]["pos"]["likeliest"][0]["label"] == "NOUN"


def test_explanation_is_that_of_explain(client, trained):
    text = "The  dog ate zyzzyva's apples"
    answer = client.post("/api/explain", json={"text": text}).json()
    explanation = explain(trained, text)
    assert [word["text"] for word in answer["words"]] == explanation.words
    for number, word in enumerate(answer["words"]):
        assert text[word["start"] : word["end"]] == word["text"]
        for layer, table in explanation.probabilities.items():
            told = word["labels"][layer]
            assert told["likeliest"][0]["label"] == explanation.chosen[layer][number]
            assert told["likeliest"][0]["probability"] == pytest.approx(table[number].max(), abs=2e-4)
            without = table[number].max() * numpy.exp(explanation.left_out[layer][:, number])
            assert len(told["without"]) == min(5, numpy.sum(numpy.abs(without - table[number].max()) >= 0.01))
            for reason in told["without"]:
                assert reason["probability"] == pytest.approx(without[reason["word"]], abs=2e-4)


def test_page_about_the_network_is_in_a_sandbox(client):
    response = client.post("/inside", data={"text": "The <b>dog</b>"})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")
    assert "Why these labels?" in response.text and "<b>dog</b>" not in response.text


@pytest.mark.parametrize("path", ["/", "/page.js", "/api/model", "/health", "/metrics", "/nothing"])
def test_headers_for_browsers(client, path):
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]


def test_health_and_model(client, trained_path):
    assert client.get("/health").json()["status"] == "ok"
    assert client.head("/health").status_code == 200
    model = client.get("/api/model").json()
    assert model["model"] == str(trained_path) and model["lang"] == "en"
    assert model["limits"] == LIMITS._asdict()


@pytest.mark.parametrize(
    "body, status, message",
    [
        (b"", 400, "The body is not JSON"),
        (b"{", 400, "The body is not JSON"),
        (b'{"text": "\xff"}', 400, "not UTF-8: its byte 10 is 0xff"),
        ('{"text": "a"}'.encode("utf-16"), 400, "not UTF-8: its byte 0 is 0xff"),
        (b"[" * 2000, 400, "The body is not JSON"),
        (b'{"text": "a\\ud800"}', 400, '"text" is not valid Unicode: its character 1 is U[+]D800'),
        (b'{"texts": ["", "\\udfff"]}', 400, r'"texts"\[1\] is not valid Unicode'),
        (b"[1]", 422, "not an array"),
        (b'"text"', 422, "not a string"),
        (b"{}", 422, r'Expected either "text" or "texts", and no other field, not \[\]'),
        (b'{"text": "a", "texts": []}', 422, "Expected either"),
        (b'{"text": "a", "lang": "en"}', 422, 'not ."lang", "text".'),
        (b'{"text": null}', 422, 'Expected a string as "text", not null'),
        (b'{"text": 1}', 422, "not a number"),
        (b'{"texts": "a"}', 422, 'Expected a list of strings as "texts", not a string'),
        (b'{"texts": ["a", {}]}', 422, r'Expected a string as "texts"\[1\], not an object'),
        (json.dumps({"text": "a" * 301}).encode(), 413, '"text" has 301 characters. At most 300'),
        (json.dumps({"texts": ["a"] * 9}).encode(), 413, '"texts" has 9 texts. At most 8'),
        (json.dumps({"text": "a" * 2000}).encode(), 413, "The body has 2012 bytes. At most 2,000"),
    ],
)
def test_bad_bodies(client, body, status, message):
    response = client.post("/api/tag", content=body, headers=JSON_HEADERS)
    assert response.status_code == status
    assert list(response.json()) == ["error"]
    assert re.search(message, response.json()["error"]), response.json()


@pytest.mark.parametrize(
    "headers, message",
    [
        ({"Content-Type": "text/plain"}, 'Expected the Content-Type application/json in UTF-8, not "text/plain"'),
        ({"Content-Type": "application/json; charset=latin-1"}, "latin-1"),
        ({}, 'not ""'),
        ({**JSON_HEADERS, "Content-Encoding": "gzip"}, 'without Content-Encoding, not "gzip"'),
    ],
)
def test_other_types_of_bodies(client, headers, message):
    response = client.post("/api/tag", content=b'{"text": "a"}', headers=headers)
    assert response.status_code == 415
    assert message in response.json()["error"]


def test_utf8_may_be_named(client):
    headers = {"Content-Type": 'Application/JSON; charset="UTF-8"'}
    assert client.post("/api/tag", content='{"text": "é"}'.encode(), headers=headers).status_code == 200


@pytest.mark.parametrize(
    "method, path, status", [("GET", "/api/tag", 405), ("POST", "/", 405), ("GET", "/nothing", 404)]
)
def test_other_paths_and_methods(client, method, path, status):
    response = client.request(method, path)
    assert response.status_code == status
    assert list(response.json()) == ["error"]


def test_body_is_not_read_beyond_the_limit(trained_path):
    received, sent = [], []

    async def receive():
        received.append(500)
        return {"type": "http.request", "body": b" " * 500, "more_body": True}

    async def send(message):
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/api/tag", "headers": headers, "query_string": b""}
    asyncio.run(make_app(str(trained_path), LIMITS)(scope, receive, send))
    assert sum(received) == 2_500
    assert sent[0]["status"] == 413
    assert b"The body has more than 2,000 bytes" in sent[1]["body"]


def test_body_that_never_comes(trained_path):
    async def receive():
        await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    sent = []
    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/api/tag", "headers": headers, "query_string": b""}
    asyncio.run(make_app(str(trained_path), LIMITS._replace(seconds_to_send=0.01))(scope, receive, send))
    assert sent[0]["status"] == 408
    assert b"not sent within 0.01 s" in sent[1]["body"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "it has no words"),
        (" \n", "it has no words"),
        ("a b c d e f g h i", "9 words, and at most 8 are explained"),
    ],
)
def test_texts_that_cannot_be_explained(client, text, message):
    response = client.post("/api/explain", json={"text": text})
    assert response.status_code == 422
    assert message in response.json()["error"]


@pytest.mark.parametrize("body, status", [(b"text=%ff", 400), (b"texts=a", 422), (b"text=a&text=b", 422), (b"a", 400)])
def test_bad_forms(client, body, status):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = client.post("/inside", content=body, headers=headers)
    assert response.status_code == status
    assert list(response.json()) == ["error"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=9),
    lambda values: (
        st.lists(values, max_size=4)
        | st.dictionaries(st.sampled_from(["text", "texts", "x"]) | st.text(max_size=3), values, max_size=3)
    ),
    max_leaves=6,
)


@shared_client
@given(body=json_values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60))
@pytest.mark.parametrize("path", ["/api/tag", "/api/explain"])
def test_any_body_is_answered_with_labels_or_with_an_error(client, path, body):
    response = client.post(path, content=body, headers=JSON_HEADERS)
    assert response.status_code in (200, 400, 413, 422)
    expected = [["docs"], ["text", "words"]] if response.is_success else [["error"]]
    assert list(response.json()) in expected


def test_failure_is_an_error_in_json(tmp_path, trained_path, monkeypatch):
    app = make_app(str(trained_path))
    monkeypatch.setattr("spacy_lstm_tagger.serving.analyses._describe_doc", lambda doc: 1 / 0)
    with TestClient(app, raise_server_exceptions=False) as client:
        response = client.post("/api/tag", json={"text": "The dog"})
        assert response.status_code == 500
        assert response.json() == {"error": "The service failed: ZeroDivisionError. Its log has more."}
        monkeypatch.undo()
        assert client.post("/api/tag", json={"text": "The dog"}).status_code == 200
