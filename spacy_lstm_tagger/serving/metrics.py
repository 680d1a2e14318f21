"""Counters for Prometheus, in its text format: https://prometheus.io/docs/instrumenting/exposition_formats"""

from collections import Counter, defaultdict
from typing import Dict, Iterator, Tuple

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# The upper ends of the histogram's buckets, in seconds.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counts in one thread, that of the event loop."""

    def __init__(self) -> None:
        self.n_texts = 0
        self.n_tokens = 0
        self.in_progress = 0
        self._requests: Counter[Tuple[str, int]] = Counter()
        self._seconds: Dict[str, float] = defaultdict(float)
        self._buckets: Counter[Tuple[str, float]] = Counter()

    def add_request(self, path: str, status: int, seconds: float) -> None:
        """Count a request that was answered.

        path (str): Its path, one of few.
        status (int): The answer's status.
        seconds (float): How long it took.
        """
        self._requests[path, status] += 1
        self._seconds[path] += seconds
        for bucket in BUCKETS:
            self._buckets[path, bucket] += seconds <= bucket

    def render(self) -> str:
        """RETURNS (str): All counters."""
        return "\n".join([*self._lines(), ""])

    def _lines(self) -> Iterator[str]:
        yield from _describe("requests_total", "counter", "Requests that were answered.")
        for (path, status), n in sorted(self._requests.items()):
            yield f'lstm_tagger_requests_total{{path="{path}",status="{status}"}} {n}'
        yield from _describe("request_seconds", "histogram", "Seconds from a request to the end of its answer.")
        for path in sorted(self._seconds):
            n_requests = sum(n for (of_path, _), n in self._requests.items() if of_path == path)
            for bucket in BUCKETS:
                yield f'lstm_tagger_request_seconds_bucket{{path="{path}",le="{bucket}"}} {self._buckets[path, bucket]}'
            yield f'lstm_tagger_request_seconds_bucket{{path="{path}",le="+Inf"}} {n_requests}'
            yield f'lstm_tagger_request_seconds_sum{{path="{path}"}} {self._seconds[path]:.6f}'
            yield f'lstm_tagger_request_seconds_count{{path="{path}"}} {n_requests}'
        for name, help, value in (
            ("texts_total", "Texts that were tagged.", self.n_texts),
            ("tokens_total", "Tokens that were tagged.", self.n_tokens),
        ):
            yield from _describe(name, "counter", help)
            yield f"lstm_tagger_{name} {value}"
        yield from _describe("requests_in_progress", "gauge", "Requests that are being answered.")
        yield f"lstm_tagger_requests_in_progress {self.in_progress}"


def _describe(name: str, type: str, help: str) -> Iterator[str]:
    yield f"# HELP lstm_tagger_{name} {help}"
    yield f"# TYPE lstm_tagger_{name} {type}"
