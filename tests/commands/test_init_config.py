import pytest

from ..conftest import ROOT


@pytest.mark.parametrize("name", ["fast", "accurate", "tutorial"])
def test_writes_a_config_that_ships(run_spacy, tmp_path, name):
    expected = (ROOT / "configs" / f"{name}.cfg").read_text("utf8")
    assert run_spacy("lstm-tagger", "init-config", name).stdout == expected
    run_spacy("lstm-tagger", "init-config", name, "--output", tmp_path / "my.cfg")
    assert (tmp_path / "my.cfg").read_text("utf8") == expected


def test_unknown_config_lists_those_that_ship(run_spacy):
    done = run_spacy("lstm-tagger", "init-config", "quick", check=False)
    assert done.returncode == 1 and "no config 'quick'. Use accurate, adapt, fast, tutorial" in done.stderr
