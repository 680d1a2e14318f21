from pathlib import Path

import pytest
from spacy.language import Language

from spacy_lstm_tagger.formats.filled_conllu import fill_block, is_conllu, read_blocks

TEXT = """# sent_id = a
# text = The dogs.
1-2\tThedog\t_\t_\t_\tTypo=Yes\t_\t_\t_\tSpaceAfter=No
1\tThe\tthe\tX\tOLD\tOld=Yes\t2\tdet\t2:det\tGloss=der
2\tdog\tdog\t_\t_\t_\t0\troot\t_\t_
2.1\tis\tbe\tAUX\tVBZ\t_\t_\t_\t0:root\t_

# a comment
1\tYes\t_\t_\t_\t_\t_\t_\t_\t_
2\t!\t_\t_\t_\t_\t_\t_\t_\t_

"""
FILE = Path("some.conllu")


def fill(nlp: Language, text: str) -> str:
    blocks = list(read_blocks(text.split("\n"), FILE, nlp.vocab))
    return "".join(fill_block(block._replace(doc=nlp(block.doc))) for block in blocks)


def test_labels_are_filled_in_and_all_else_stays(trained: Language) -> None:
    filled = fill(trained, TEXT)
    changed = {}
    for old, new in zip(TEXT.split("\n"), filled.split("\n"), strict=True):
        if old != new:
            columns = new.split("\t")
            assert [*columns[:3], *columns[6:]] == [*old.split("\t")[:3], *old.split("\t")[6:]]
            changed[columns[1]] = columns[3:6]
    assert changed == {
        "The": ["DET", "DT", "Definite=Def"],
        "dog": ["NOUN", "NN", "Number=Sing"],
        "Yes": ["INTJ", "UH", "_"],
        "!": ["PUNCT", ".", "_"],
    }


def test_what_is_filled_in_stays_when_filled_in_again(trained: Language) -> None:
    assert fill(trained, fill(trained, TEXT)) == fill(trained, TEXT)


def test_labels_of_layers_that_the_tagger_lacks_stay(trained: Language) -> None:
    (block, *_) = read_blocks(TEXT.split("\n"), FILE, trained.vocab)
    assert fill_block(block) == TEXT.split("\n\n", maxsplit=1)[0] + "\n\n"


def test_misc_is_added_to(trained: Language) -> None:
    (block, *_) = read_blocks(TEXT.split("\n"), FILE, trained.vocab)
    rows = [line.split("\t") for line in fill_block(block, lambda token: [f"n={token.i}"]).split("\n")]
    assert [row[9] for row in rows if len(row) == 10] == ["SpaceAfter=No", "Gloss=der|n=0", "n=1", "_"]


def test_spaces_are_those_of_the_file(trained: Language) -> None:
    (block, *_) = read_blocks(TEXT.split("\n"), FILE, trained.vocab)
    assert block.doc.text == "Thedog"


@pytest.mark.parametrize(
    "lines, expected",
    [
        (TEXT.split("\n"), True),
        (["1\tYes\t_\t_\t_\t_\t_\t_\t_\t_"], True),
        (["1-2\tdu\t_\t_\t_\t_\t_\t_\t_\t_"], True),
        (["# A heading"], False),
        (["# A heading", "A text."], False),
        (["1\tone"], False),
        ([], False),
    ],
)
def test_conllu_is_known_by_its_first_lines(lines: list, expected: bool) -> None:
    assert is_conllu(lines) == expected


def test_errors_name_file_and_line(trained: Language) -> None:
    with pytest.raises(ValueError, match=r"some\.conllu, line 9: the next word's ID must be 1, not '7'"):
        list(read_blocks(TEXT.replace("1\tYes", "7\tYes").split("\n"), FILE, trained.vocab))


def test_lemmas_are_filled_in(trained: Language) -> None:
    (block, *_) = read_blocks(TEXT.split("\n"), FILE, trained.vocab)
    for token, lemma in zip(block.doc, ["THE", ""]):
        token.lemma_ = lemma
    assert [line.split("\t")[2] for line in fill_block(block).split("\n") if line[:2] in ("1\t", "2\t")] == [
        "THE",
        "dog",
    ]
