"""Sorting of the report's tables, in a browser."""

import pytest

from spacy_lstm_tagger.evaluation.judgements import judge_words
from spacy_lstm_tagger.evaluation.report import write_report

from ..conftest import make_pipeline
from .test_judgements import make_evaluation_examples

by = pytest.importorskip("selenium.webdriver.common.by", reason="needs selenium, of the extra 'dev'").By


@pytest.fixture
def table(driver, tmp_path):
    nlp = make_pipeline(steps=6)
    driver.get(write_report(tmp_path, nlp, "data", judge_words(nlp, make_evaluation_examples(nlp))).as_uri())
    return driver.find_element(by.CSS_SELECTOR, "#scores ~ .scroll table")


def sort(table, column):
    (cell,) = [cell for cell in table.find_elements(by.CSS_SELECTOR, "th") if cell.text.strip("▲▼ ") == column]
    cell.find_element(by.TAG_NAME, "button").click()
    i = table.find_elements(by.CSS_SELECTOR, "th").index(cell)
    rows = table.find_elements(by.CSS_SELECTOR, "tbody tr")
    return [row.find_elements(by.TAG_NAME, "td")[i].text for row in rows], cell.get_attribute("aria-sort")


def test_numbers_are_sorted_from_high_to_low_and_then_the_other_way(table):
    values, order = sort(table, "accuracy")
    assert len(values) == 3 and order == "descending"
    assert list(map(float, values)) == sorted(map(float, values), reverse=True)
    assert sort(table, "accuracy") == (values[::-1], "ascending")


def test_text_is_sorted_from_a_to_z_and_then_the_other_way(table):
    assert sort(table, "↕") == (["FEATS", "UPOS", "XPOS"], "ascending")
    assert sort(table, "↕") == (["XPOS", "UPOS", "FEATS"], "descending")
