"""Count the verbs that English pipelines find in short sentences, in which nouns have the same form.

python tests/benchmarks/measure_verbs.py en en_core_web_sm
"""

import argparse
import itertools

from spacy.util import load_model
from wasabi import table

from spacy_lstm_tagger.pipeline.loading import load_pipeline
from spacy_lstm_tagger.shipped import PRETRAINED

# The verb stands between the braces.
INFINITIVES = [
    "rain", "snow", "dance", "fish", "text", "google", "mail", "phone", "email", "skype", "camp", "ski", "surf",
    "paint", "film", "cook", "hike", "bike", "bowl", "golf", "tweet", "blog", "vote", "drink", "sleep", "laugh",
    "dream", "smoke", "exercise", "shop",
]  # fmt: skip
BEFORE_TO = [
    "It is going to {}.",
    "I want to {}.",
    "They used to {} here.",
    "She started to {} again.",
    "We have to {} today.",
    "There is no need to {}.",
    "He told me not to {}.",
    "To {} is fun.",
    "Do you like to {}?",
    "no time to {} now",
]
SUBJECTS = [
    "phone", "dog", "engine", "clock", "machine", "computer", "child", "teacher", "bell", "light", "door", "train",
    "water", "market", "car", "bird", "river", "system", "show", "game", "printer", "music", "plan", "crowd",
]  # fmt: skip
PREDICATES = ["rings", "works", "stops", "changes", "moves", "fails", "starts", "falls", "helps", "turns"]
NOTES = [
    f"{subject} {{}} {rest}."
    for subject in ("Patient", "Customer", "Client", "User", "Doctor", "Mother", "Manager", "Server")
    for rest in ("fever", "severe pain", "a refund")
]
IN_NOTES = ["denies", "reports", "requests", "states", "wants", "needs"]
IMPERATIVES = ["Click", "Check", "Open", "Close", "Mail", "Book", "Water", "Stop", "Pass", "File", "Test", "Mix"]
OBJECTS = [
    "{} the door.",
    "{} it now.",
    "{} your account first.",
    "Please {} the link below.",
    "{} all of them, please.",
]


def make_sentences() -> dict[str, list[tuple[str, int]]]:
    """Sentences of each kind, each with the place of its verb among the words between spaces."""
    kinds = {
        "to + verb": itertools.product(BEFORE_TO, INFINITIVES),
        "The phone rings.": itertools.product([f"The {subject} {{}}." for subject in SUBJECTS], PREDICATES),
        "Patient denies fever.": itertools.product(NOTES, IN_NOTES),
        "Click the link.": itertools.product(OBJECTS, IMPERATIVES),
    }
    return {
        kind: [
            (frame.format(verb if frame.startswith("{") else verb.lower()), frame.split().index(_find(frame)))
            for frame, verb in pairs
        ]
        for kind, pairs in kinds.items()
    }


def _find(frame: str) -> str:
    return next(word for word in frame.split() if "{}" in word)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="directories or packages of pipelines, or pretrained taggers")
    sentences = make_sentences()
    rows = []
    for model in parser.parse_args().models:
        nlp = load_pipeline(model) if model in PRETRAINED else load_model(model)
        row = [model]
        for of_kind in sentences.values():
            docs = nlp.pipe(text for text, _ in of_kind)
            found = [doc[place].pos_ == "VERB" for doc, (_, place) in zip(docs, of_kind)]
            row.append(f"{100 * sum(found) / len(found):.1f}")
        rows.append(row)
    header = ["verbs found, %", *(f"{kind} ({len(of_kind)})" for kind, of_kind in sentences.items())]
    print(table(rows, header=header, divider=True, aligns=tuple("l" + "r" * len(sentences))))


if __name__ == "__main__":
    main()
