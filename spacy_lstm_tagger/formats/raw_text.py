"""Annotated sentences as text: the tokens are those of the pipeline's tokenizer, and not of the treebank."""

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from .multiword_tokens import merge_as_tokenized

# Marks the reference doc of such an example, in `Doc.user_data`.
RAW_TEXT = "raw_text"


def make_raw_example(doc: Doc, nlp: Language) -> Example:
    """Make an example of an annotated doc's text.

    doc (Doc): The doc. A multiword token counts as the tokenizer has it: whole, or as the words that spell it.
    nlp (Language): The pipeline that has the tokenizer.
    RETURNS (Example): The example, of which `is_raw_text` is true.
    """
    reference = merge_as_tokenized(doc, nlp.make_doc)
    reference = reference.copy() if reference is doc else reference
    reference.user_data[RAW_TEXT] = True
    return Example(nlp.make_doc(reference.text), reference)


def is_raw_text(eg: Example) -> bool:
    """RETURNS (bool): Whether `make_raw_example` made this example."""
    return bool(eg.reference.user_data.get(RAW_TEXT))
