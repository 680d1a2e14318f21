import pytest

from spacy_lstm_tagger.serving.app import make_app
from spacy_lstm_tagger.serving.limits import Limits

from . import serve

LIMITS = Limits(max_bytes=2_000, max_texts=8, max_characters=300, max_explained_words=8, max_words_inside=12)


@pytest.fixture(scope="package")
def client(trained_path):
    testclient = pytest.importorskip("starlette.testclient")
    with testclient.TestClient(make_app(str(trained_path), LIMITS), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="package")
def url(trained_path):
    """Where the service is, with its usual limits."""
    with serve(make_app(str(trained_path))) as url:
        yield url
