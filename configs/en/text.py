"""Text for the teacher to label: that of a directory, and sentences that are chosen or made from it.

Raw text is files named *.txt.xz with a paragraph a line.
"""

import itertools
import lzma
import random
import re
from collections import Counter
from pathlib import Path
from typing import Dict, Iterable, Iterator, Mapping, Tuple

SEED = 0
# Sources take turns, by these shares of the text.
SHARE = 0.2
SHARES = {
    **dict.fromkeys(["short", "to_verb"], 1.5),
    **dict.fromkeys(["wikipedia", "standardebooks"], 2.0),
    **dict.fromkeys(["airbnb_reviews", "changelog", "enron_mail", "newsgroups20"], 1.5),
    **dict.fromkeys(["questions", "stackexchange_qa", "tatoeba"], 1.5),
    **dict.fromkeys(["clinical_dialogue", "common_voice_sentences", "court_opinions", "news_misc", "openstax"], 1.0),
    **dict.fromkeys(["personal_blogs", "plays_diary", "recipes", "recipes2", "self_dialogue", "sms"], 1.0),
    **dict.fromkeys(["topical_chat", "us_presidents", "wiki_se_requests"], 1.0),
    **dict.fromkeys(["irc_ubuntu", "medquad", "openstax_health", "openstax_us_history", "plos_articles"], 0.7),
    **dict.fromkeys(["dstc8_sgd", "irc_duraspace", "un_debates"], 0.5),
    **dict.fromkeys(["acl_abstracts", "digitalgov", "privacyguides", "taskmaster"], 0.4),
}

# Sentences that are chosen from all of the text, since taggers are often wrong in them: with few words, and with `to`
# before another word. Sentences with the same last word, first two words, or word after `to`, may be so many.
SHORT, TO_VERB = "short", "to_verb"
SHORT_WORDS = 6
TO_VERB_WORDS = 30
TIMES = 10
SENTENCE = re.compile(r"""\S.*?(?:[.!?\u2026]+["'\u201d\u2019)\]]*(?=\s|$)|$)""")
SHORT_SENTENCE = re.compile(r"[A-Z][^\W\d_]*,?(?: [^\W\d_]+(?:['\u2019-][^\W\d_]+)*,?)+[.!?]")
ABBREVIATION = re.compile(r"\b([A-Z]|Co|Corp|Dr|Gen|Inc|Jr|Lt|Mrs?|Ms|Mt|No|Prof|Rev|Sr|St|etc|[aep]\.[gm]|i\.e|vs)\.$")
AFTER_TO = re.compile(r"\b([Tt]o) ([a-z]{2,})\b")
# "It is fun to swim." says what "To swim is fun." says.
IT_IS = re.compile(r"It (is|was|would be|can be) ((?:[a-z'-]+ ){0,2}[a-z'-]+) to ([a-z]{2,})((?: [\w'-]+){0,5})[.!]")
SUFFIX = ".txt.xz"
# Sentences in which the verb after `to` is replaced, since many verbs are far more often nouns.
SUBSTITUTED = "substituted"
SUBSTITUTED_WORDS = 12
SENTENCES_PER_WORD = 16
INFINITIVES_PER_WORD = 8
CHOSEN = (SHORT, TO_VERB, SUBSTITUTED)
# How often a word must be a noun and a verb, and in what part of a verb's occurrences it must be one.
MIN_COUNT = 3
SHARE_OF_VERBS = 0.3


def find_text(raw_text: Path, output: Path) -> Dict[str, Path]:
    """Find the files of text, and choose sentences from all of them.

    raw_text (Path): The directory of the text.
    output (Path): The directory of the sentences that are chosen.
    RETURNS (Dict[str, Path]): The file of each source.
    """
    output.mkdir(parents=True, exist_ok=True)
    files = {path.name[: -len(SUFFIX)]: path for path in sorted(raw_text.glob("*" + SUFFIX))}
    chosen = {source: output / (source + SUFFIX) for source in (SHORT, TO_VERB)}
    if not chosen[TO_VERB].exists():
        for source, sentences in select(files).items():
            write_lines(chosen[source], sentences)
    return {**files, **chosen}


def select(files: Mapping[str, Path]) -> Dict[str, Iterable[str]]:
    """Choose sentences, as many of each kind as may be, from the sources with the largest shares first."""
    chosen: Dict[str, Dict[str, str]] = {SHORT: {}, TO_VERB: {}}
    times: Dict[Tuple[str, ...], int] = Counter()

    def choose(kind: str, sentence: str, *keys: Tuple[str, ...]) -> None:
        if sentence.lower() not in chosen[kind] and all(times[key] < TIMES for key in keys):
            chosen[kind][sentence.lower()] = sentence
            for key in keys:
                times[key] += 1

    for source in sorted(files, key=lambda source: -SHARES.get(source, SHARE)):
        for sentence in itertools.chain.from_iterable(map(SENTENCE.findall, read_lines(files[source]))):
            if ABBREVIATION.search(sentence):
                continue
            n_words = sentence.count(" ") + 1
            if 2 <= n_words <= SHORT_WORDS and SHORT_SENTENCE.fullmatch(sentence):
                words = sentence[:-1].lower().split()
                choose(SHORT, sentence, (SHORT, "last", words[-1]), (SHORT, "first", *words[:2]))
            if n_words <= TO_VERB_WORDS:
                for words in AFTER_TO.findall(sentence):
                    choose(TO_VERB, sentence, (TO_VERB, *words))
    return {kind: sentences.values() for kind, sentences in chosen.items()}


def substitute(tags: Mapping[Tuple[str, str], int], to_verb: Path, output: Path) -> Dict[str, Path]:
    """Make sentences with words after `to` that are nouns elsewhere: "I want to google it.", "To fish is fun."

    tags (Mapping[Tuple[str, str], int]): How often each word has each fine-grained tag, from `label.count_tags`.
    to_verb (Path): The sentences of the source `TO_VERB`.
    output (Path): The directory of the sentences.
    RETURNS (Dict[str, Path]): The file of the source.
    """
    path = output / (SUBSTITUTED + SUFFIX)
    if not path.exists():
        total = count_words(tags)
        as_verb = {word: count for (word, tag), count in tags.items() if tag == "VB" and re.fullmatch("[a-z]+", word)}
        verbs = {word for word, count in as_verb.items() if count >= SHARE_OF_VERBS * total[word]}
        as_noun = {word: tags.get((word, "NN"), 0) + tags.get((word, "NNP"), 0) for word in as_verb}
        words = sorted(word for word in as_verb if min(as_verb[word], as_noun[word]) >= MIN_COUNT)
        frames, infinitives = [], []
        for sentence in read_lines(to_verb):
            if (it_is := IT_IS.fullmatch(sentence)) and it_is[3] in verbs:
                infinitives.append(("To ", f"{it_is[4]} {it_is[1]} {it_is[2]}."))
            found = [match for match in AFTER_TO.finditer(sentence) if match[2] in verbs]
            if sentence.count(" ") < SUBSTITUTED_WORDS and len(found) == 1:
                frames.append((sentence[: found[0].start(2)], sentence[found[0].end(2) :]))
        rng = random.Random(SEED)
        lines = []
        for word in words:
            for of_kind, n_sentences in ((frames, SENTENCES_PER_WORD), (infinitives, INFINITIVES_PER_WORD)):
                chosen = rng.sample(of_kind, min(n_sentences, len(of_kind)))
                lines += [before + word + after for before, after in chosen]
        write_lines(path, lines)
    return {SUBSTITUTED: path}


def count_words(tags: Mapping[Tuple[str, str], int]) -> Dict[str, int]:
    """RETURNS (Dict[str, int]): How often each word occurs, with any tag."""
    total: Dict[str, int] = Counter()
    for (word, _), count in tags.items():
        total[word] += count
    return total


def read_lines(path: Path) -> Iterator[str]:
    with lzma.open(path, "rt", encoding="utf8") as file:
        for line in file:
            yield " ".join(line.split())


def write_lines(path: Path, lines: Iterable[str]) -> None:
    with lzma.open(path.with_suffix(".unfinished"), "wt", encoding="utf8") as file:
        file.writelines(line + "\n" for line in lines)
    path.with_suffix(".unfinished").replace(path)
