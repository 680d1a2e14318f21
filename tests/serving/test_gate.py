"""The limit of requests, and what is counted."""

import asyncio
import json
import re

from spacy_lstm_tagger.serving.gate import guard
from spacy_lstm_tagger.serving.metrics import Metrics


async def ask(app, path):
    """The status and the messages of an answer."""
    sent = []

    async def send(message):
        sent.append(message)

    await app({"type": "http", "path": path, "headers": []}, None, send)
    return sent


def test_more_requests_than_the_limit_are_told_to_wait():
    async def run():
        go_on = asyncio.Event()

        async def app(scope, receive, send):
            await go_on.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        guarded = guard(app, Metrics(), {"slow": 2}, {"/a": "slow", "/b": "slow", "/c": ""})
        waiting = [asyncio.ensure_future(ask(guarded, path)) for path in ("/a", "/b", "/c", "/c")]
        await asyncio.sleep(0)
        refused = await ask(guarded, "/a")
        go_on.set()
        answered = await asyncio.gather(*waiting)
        return refused, answered, await ask(guarded, "/a")

    (start, body), answered, later = asyncio.run(run())
    assert start["status"] == 503 and (b"retry-after", b"1") in start["headers"]
    assert json.loads(body["body"]) == {"error": "2 requests are being answered. Try again in a second."}
    assert [messages[0]["status"] for messages in [*answered, later]] == [200] * 5


def test_requests_are_counted_by_path_and_status(client):
    before = read_metrics(client)
    client.post("/api/tag", json={"texts": ["The dog ate", "Yes !"]})
    client.post("/api/tag", json={})
    client.get("/nothing")
    client.get("/nothing/else")
    after = read_metrics(client)
    added = {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name, 0)}
    assert added['lstm_tagger_requests_total{path="/api/tag",status="200"}'] == 1
    assert added['lstm_tagger_requests_total{path="/api/tag",status="422"}'] == 1
    assert added['lstm_tagger_requests_total{path="other",status="404"}'] == 2
    assert added["lstm_tagger_texts_total"] == 2
    assert added["lstm_tagger_tokens_total"] == 5
    assert added['lstm_tagger_request_seconds_count{path="/api/tag"}'] == 2
    assert added['lstm_tagger_request_seconds_bucket{path="/api/tag",le="+Inf"}'] == 2
    assert after["lstm_tagger_requests_in_progress"] == 1


def test_buckets_of_the_histogram_are_cumulative():
    metrics = Metrics()
    for seconds in (0.004, 0.2, 0.3, 99):
        metrics.add_request("/", 200, seconds)
    counts = re.findall(r'bucket\{path="/",le="([^"]+)"\} (\d+)', metrics.render())
    assert [int(n) for _, n in counts] == sorted(int(n) for _, n in counts)
    assert dict(counts)["0.005"] == "1" and dict(counts)["0.25"] == "2" and dict(counts)["30.0"] == "3"
    assert dict(counts)["+Inf"] == "4"


def read_metrics(client):
    """Every line of Prometheus' format is a comment, or a name and a number."""
    lines = client.get("/metrics").text.splitlines()
    names = {line.split()[2] for line in lines if line.startswith("# TYPE ")}
    values = {}
    for line in lines:
        if not line.startswith("#"):
            name, value = re.fullmatch(r'(\w+(?:\{(?:\w+="[^"]*",?)+\})?) (\S+)', line).groups()
            assert any(name.startswith(known) for known in names)
            values[name] = float(value)
    return values
