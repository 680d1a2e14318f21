"""The engine of Ray Data, on clusters of this machine."""

import json

import pytest

from spacy_lstm_tagger.corpora import annotate as annotate_module

from .conftest import read_tree

ray = pytest.importorskip("ray", reason="needs the extra 'ray'")
pytestmark = pytest.mark.slow


@pytest.fixture
def corpus(tmp_path):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number in range(3):
        lines = [json.dumps({"id": i, "text": f"The dog {number} ate {i} apples ."}) for i in range(20_000 * number)]
        lines[7:7] = ["not JSON"]
        (corpus / f"{number}.jsonl").write_text("\n".join(lines))
    return corpus


@pytest.fixture
def expected(corpus, annotate_here, tmp_path):
    annotate_here(corpus, tmp_path / "expected")
    return read_tree(tmp_path / "expected")


@pytest.fixture(scope="module")
def cluster():
    """Two nodes, of which each has a processor. Both are processes of their own."""
    from ray.cluster_utils import Cluster

    options = {"num_cpus": 1, "object_store_memory": 150_000_000, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=options)
    del options["include_dashboard"]
    node = cluster.add_node(**options)
    ray.init(cluster.address, log_to_driver=False, logging_level="error")
    yield cluster, node
    ray.shutdown()
    cluster.shutdown()


def run_ray(corpus, output, model, **options):
    return annotate_module.annotate(str(corpus), str(output), str(model), engine="ray", **options)


def test_two_nodes_write_what_one_process_does(cluster, corpus, expected, trained_path, tmp_path):
    summary = run_ray(corpus, tmp_path / "out", trained_path)
    assert read_tree(tmp_path / "out") == expected
    assert summary.counts.errors == 3


def test_run_can_be_continued_with_the_other_engine(cluster, corpus, expected, annotate_here, trained_path, tmp_path):
    class StopError(Exception):
        pass

    n_units = 0

    def stop(n_bytes, n_tokens, n_bytes_before):
        nonlocal n_units
        n_units += 1
        if n_units == 3:
            raise StopError

    with pytest.raises(StopError):
        run_ray(corpus, tmp_path / "out", trained_path, on_progress=stop)
    annotate_here(corpus, tmp_path / "out")
    assert read_tree(tmp_path / "out") == expected


def test_first_bad_record_stops_a_strict_run(cluster, corpus, trained_path, tmp_path):
    with pytest.raises(ValueError, match=r"\.jsonl, line \d: Expecting value"):
        run_ray(corpus, tmp_path / "out", trained_path, strict=True)


def test_file_that_cannot_be_read_is_named_and_the_others_go_on(cluster, corpus, trained_path, tmp_path):
    (corpus / "9.parquet").write_bytes(b"PAR1")
    summary = run_ray(corpus, tmp_path / "out", trained_path)
    assert summary.n_files == 3 and "9.parquet cannot be read to its end" in summary.failures[0]


def test_node_and_worker_that_die_change_nothing(cluster, corpus, expected, trained_path, tmp_path):
    """The last test of this cluster: one of its nodes is gone then."""
    cluster, node = cluster
    n_units = 0

    def kill(n_bytes, n_tokens, n_bytes_before):
        nonlocal n_units
        n_units += 1
        if n_units == 2:
            cluster.remove_node(node, allow_graceful=False)

    run_ray(corpus, tmp_path / "out", trained_path, n_workers=1, on_progress=kill)
    assert n_units > 2
    assert read_tree(tmp_path / "out") == expected
