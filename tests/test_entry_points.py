from importlib.metadata import distribution

import pytest
import spacy
from spacy.util import registry

ENTRY_POINTS = [point for point in distribution("spacy-lstm-tagger").entry_points if point.group.startswith("spacy")]


def test_there_are_entry_points():
    assert {"spacy_factories", "spacy_architectures", "spacy_cli"} <= {point.group for point in ENTRY_POINTS}


@pytest.mark.parametrize("point", ENTRY_POINTS, ids=lambda point: point.name)
def test_entry_point_resolves(point):
    assert callable(point.load())


@pytest.mark.parametrize(
    "point",
    [point for point in ENTRY_POINTS if point.group not in ("spacy_factories", "spacy_cli")],
    ids=lambda p: p.name,
)
def test_registered_function_is_found_by_its_name(point):
    assert registry.get(point.group[len("spacy_") :], point.name) is point.load()


def test_factory_is_found_with_nothing_imported(run):
    done = run("-c", "import spacy; print(spacy.blank('en').add_pipe('lstm_tagger').name)")
    assert done.stdout.split() == ["lstm_tagger"]


def test_factory_meta_is_what_spacys_analysis_needs():
    meta = spacy.blank("en").get_factory_meta("lstm_tagger")
    assert meta.assigns == ["token.tag", "token.pos", "token.morph", "token.lemma", "token.is_sent_start", "doc.sents"]
    assert set(meta.default_score_weights) == {"tag_acc", "pos_acc", "morph_acc", "lemma_acc", "morph_per_feat"}
