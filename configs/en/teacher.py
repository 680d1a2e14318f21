"""A teacher: a pretrained transformer that is tuned on a treebank, to label text for a small tagger.

The transformer knows no case, so a small LSTM reads each word's characters. So that the teacher can label text that is
written otherwise than the treebank, sentences are varied by chance, anew in each epoch: case, quotes and dashes, full
stops, and several sentences as one.
"""

import itertools
import json
import math
import random
import time
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu
from torch.nn.utils.rnn import pack_padded_sequence
from transformers import MPNetConfig, MPNetModel

from spacy_lstm_tagger.formats.conllu import read_conllu
from spacy_lstm_tagger.formats.sentence import Sentence

SEED = 0
EPOCHS = 2
EVALUATIONS_PER_EPOCH = 2
PIECES_PER_BATCH = 800
# Batches are of sentences of like length among those of so many batches.
BATCHES_PER_POOL = 40
ENCODER_RATE, RATE = 4e-5, 1e-3
WARM_UP = 0.1
WEIGHT_DECAY = 0.01
LABEL_SMOOTHING = 0.03
DROPOUT = 0.2
CHECKPOINT_SECONDS = 600

# How often a sentence is varied in each way.
LOWER_CASE, UPPER_CASE, TITLE_CASE = 0.06, 0.03, 0.03
LOWER_CASE_FIRST_WORD = 0.04
NO_FULL_STOP = 0.04
TYPOGRAPHIC = 0.3
# How often two or three sentences begin here that are read as one, and how many words these may have.
JOINED = 0.15
JOINED_WORDS = 100

# No sequence may have more than the 512 positions that the encoder knows, so longer words lose their middle.
PIECES_PER_WORD = 5
MAX_PIECES = 510
CHARACTERS_PER_WORD = 24
MIN_CHARACTER_COUNT = 3
PADDING, UNKNOWN = 0, 1
CHARACTER_WIDTH, CASE_WIDTH, HIDDEN_WIDTH = 32, 64, 512
FIRST_PIECE, LAST_PIECE, UNKNOWN_PIECE = "<s>", "</s>", "[UNK]"
# In the order of the heads.
LAYERS = ("tag", "pos", "morph")

WEIGHTS, SETTINGS, TOKENIZER = "model.safetensors", "teacher.json", "tokenizer.json"
CHECKPOINT = "checkpoint.safetensors"


class Batch(NamedTuple):
    """Sentences as a teacher reads them.

    pieces (Tensor): Each sentence's pieces of words, padded.
    first, last (Tensor): For each word, where its first and its last piece are, counted through all sentences.
    forms (Tensor): For each word, which of the distinct words it is.
    characters (Tensor): Each distinct word's characters, padded.
    lengths (Tensor): How many these are.
    """

    pieces: Tensor
    first: Tensor
    last: Tensor
    forms: Tensor
    characters: Tensor
    lengths: Tensor


class Reader:
    """Turns words into pieces and characters."""

    def __init__(self, tokenizer: Path, characters: str, padding: int) -> None:
        self.tokenizer = Tokenizer.from_file(str(tokenizer))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.characters = {character: UNKNOWN + 1 + i for i, character in enumerate(characters)}
        self.padding = padding
        self.ends = [self.tokenizer.token_to_id(piece) for piece in (FIRST_PIECE, LAST_PIECE)]
        self.words: Dict[str, List[int]] = {}

    def split(self, word: str) -> List[int]:
        """Split a word into pieces."""
        if word not in self.words:
            pieces = self.tokenizer.encode(word, add_special_tokens=False).ids
            self.words[word] = shorten(pieces, PIECES_PER_WORD) or [self.tokenizer.token_to_id(UNKNOWN_PIECE)]
        return self.words[word]

    def count(self, words: Iterable[str]) -> int:
        """Count the pieces of a sentence."""
        return len(self.ends) + sum(len(self.split(word)) for word in words)

    def spell(self, word: str) -> List[int]:
        return [self.characters.get(character, UNKNOWN) for character in shorten(word, CHARACTERS_PER_WORD)]

    def read(self, sentences: Sequence[Sequence[str]]) -> Batch:
        width = max(map(self.count, sentences))
        rows, first, last = [], [], []
        forms: Dict[str, int] = {}
        for number, words in enumerate(sentences):
            row = self.ends[:1]
            for word in words:
                first.append(number * width + len(row))
                row += self.split(word)
                last.append(number * width + len(row) - 1)
                forms.setdefault(word, len(forms))
            row += self.ends[1:]
            rows.append(row + [self.padding] * (width - len(row)))
        spelled = list(map(self.spell, forms))
        longest = max(map(len, spelled))
        return Batch(
            torch.tensor(rows),
            torch.tensor(first),
            torch.tensor(last),
            torch.tensor([forms[word] for words in sentences for word in words]),
            torch.tensor([row + [PADDING] * (longest - len(row)) for row in spelled]),
            torch.tensor(list(map(len, spelled))),
        )


class Teacher(nn.Module):
    """A transformer and an LSTM over each word's characters, with a head for each layer of annotation."""

    def __init__(self, config: MPNetConfig, n_characters: int, n_labels: Sequence[int]) -> None:
        super().__init__()
        self.encoder = MPNetModel(config, add_pooling_layer=False)
        self.embedding = nn.Embedding(UNKNOWN + 1 + n_characters, CHARACTER_WIDTH, padding_idx=PADDING)
        self.case = nn.LSTM(CHARACTER_WIDTH, CASE_WIDTH, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(DROPOUT)
        self.hidden = nn.Linear(2 * config.hidden_size + 2 * CASE_WIDTH, HIDDEN_WIDTH)
        self.heads = nn.ModuleList(nn.Linear(HIDDEN_WIDTH, n) for n in n_labels)

    def forward(self, batch: Batch) -> List[Tensor]:
        """Give each head's logits, a row for each word."""
        case = self.read_characters(batch.characters, batch.lengths)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            mask = batch.pieces.ne(self.encoder.config.pad_token_id).long()
            states = self.encoder(input_ids=batch.pieces, attention_mask=mask).last_hidden_state.flatten(0, 1)
            words = torch.cat([states[batch.first], states[batch.last], case[batch.forms]], dim=1)
            hidden = self.dropout(gelu(self.hidden(self.dropout(words))))
            return [head(hidden).float() for head in self.heads]

    def read_characters(self, characters: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(self.embedding(characters), lengths, batch_first=True, enforce_sorted=False)
        _, (state, _) = self.case(packed)
        return torch.cat([state[0], state[1]], dim=1)


def shorten(items: Any, limit: int) -> Any:
    """Leave the middle out of what is too long."""
    return items if len(items) <= limit else items[: limit // 2] + items[-(limit - limit // 2) :]


def read_treebank(path: Path) -> List[Sentence]:
    sentences = read_conllu(path.read_text(encoding="utf8"), path)
    return [sentence._replace(multiword_tokens=()) for sentence in sentences]


def get_labels(sentence: Sentence) -> Tuple[Any, ...]:
    return sentence.tags, sentence.pos, sentence.morphs


def train_teacher(encoder: Path, train_path: Path, dev_path: Path, output: Path) -> None:
    """Tune an encoder, go on with a training that was interrupted, or do nothing after one that was not.

    encoder (Path): A directory with model.safetensors, config.json and tokenizer.json of an MPNet model.
    train_path (Path): A treebank's part to train on, in CoNLL-U.
    dev_path (Path): The part that the best weights are chosen by.
    output (Path): The directory of the teacher, and of a checkpoint that is written every few minutes.
    """
    torch.manual_seed(SEED)
    output.mkdir(parents=True, exist_ok=True)
    sentences, dev = read_treebank(train_path), read_treebank(dev_path)
    checkpoint = output / CHECKPOINT
    columns = zip(*map(get_labels, sentences))
    labels = {layer: sorted(set(itertools.chain.from_iterable(column))) for layer, column in zip(LAYERS, columns)}
    config = json.loads((encoder / "config.json").read_text())
    settings = {"labels": labels, "characters": find_characters(sentences), "encoder": config}
    (output / SETTINGS).write_text(json.dumps(settings, ensure_ascii=False, indent=1), encoding="utf8")
    (output / TOKENIZER).write_bytes((encoder / TOKENIZER).read_bytes())
    teacher, reader = create(output)
    ids = [{label: i for i, label in enumerate(labels[layer])} for layer in LAYERS]
    optimizer = create_optimizer(teacher)

    first_epoch, step, best, seconds = 0, 0, 0.0, 0.0
    if checkpoint.exists():
        first_epoch, step, best, seconds = restore(checkpoint, teacher, optimizer)
    else:
        weights = load_file(encoder / WEIGHTS)
        missing = teacher.encoder.load_state_dict(weights, strict=False).missing_keys
        if [name for name in missing if not name.endswith("position_ids")]:
            raise ValueError(f"{encoder} has no weights for {missing}.")

    start, saved = time.perf_counter() - seconds, time.perf_counter()
    for epoch in range(first_epoch, EPOCHS):
        rng = random.Random(f"{SEED} {epoch}")
        batches = make_batches([vary(joined, rng) for joined in join(sentences, rng)], reader, rng)
        evaluations = {math.ceil(len(batches) * (i + 1) / EVALUATIONS_PER_EPOCH) for i in range(EVALUATIONS_PER_EPOCH)}
        losses = []
        while step < len(batches):
            set_rate(optimizer, (epoch + step / len(batches)) / EPOCHS)
            losses.append(learn(teacher, reader, optimizer, batches[step], ids))
            step += 1
            if step % 20 == 0 or step == len(batches):
                minutes = (time.perf_counter() - start) / 60
                mean = sum(losses) / len(losses)
                print(f"epoch {epoch + 1}  step {step}/{len(batches)}  {minutes:.1f} min  loss {mean:.4f}", flush=True)
                losses = []
            if step in evaluations:
                scores = evaluate(teacher, reader, dev, labels)
                print("dev ", *(f"{layer} {100 * score:.2f}" for layer, score in zip(LAYERS, scores)), flush=True)
                if sum(scores) > best:
                    best = sum(scores)
                    write(teacher.state_dict(), output / WEIGHTS)
            if step in evaluations or time.perf_counter() - saved > CHECKPOINT_SECONDS:
                position = epoch, step, best, time.perf_counter() - start
                write(get_state(teacher, optimizer, position), checkpoint)
                saved = time.perf_counter()
        step = 0


def get_state(
    teacher: Teacher, optimizer: torch.optim.AdamW, position: Tuple[int, int, float, float]
) -> Dict[str, Tensor]:
    """Give what a training needs to go on: weights, the optimizer's averages, random state, and where it is."""
    averages = {
        f"optimizer.{i}.{name}": value
        for i, of_parameter in optimizer.state_dict()["state"].items()
        for name, value in of_parameter.items()
    }
    weights = {f"weights.{name}": value for name, value in teacher.state_dict().items()}
    position_tensor = torch.tensor(position, dtype=torch.float64)
    return {**weights, **averages, "random": torch.get_rng_state(), "position": position_tensor}


def restore(path: Path, teacher: Teacher, optimizer: torch.optim.AdamW) -> Tuple[int, int, float, float]:
    """Restore what `get_state` gave, and give the position."""
    tensors = load_file(path)
    epoch, step, best, seconds = tensors.pop("position").tolist()
    torch.set_rng_state(tensors.pop("random"))
    weights: Dict[str, Tensor] = {}
    averages: Dict[int, Dict[str, Tensor]] = {}
    for key, value in tensors.items():
        kind, name = key.split(".", 1)
        if kind == "weights":
            weights[name] = value
        else:
            number, name = name.split(".")
            averages.setdefault(int(number), {})[name] = value
    teacher.load_state_dict(weights)
    optimizer.load_state_dict({**optimizer.state_dict(), "state": averages})
    return int(epoch), int(step), best, seconds


def write(tensors: Dict[str, Tensor], path: Path) -> None:
    """Write a file so that it is whole at any time."""
    unfinished = path.with_suffix(".unfinished")
    save_file(tensors, unfinished)
    unfinished.replace(path)


def find_characters(sentences: Iterable[Sentence]) -> str:
    counts: Dict[str, int] = {}
    for character in "".join(word for sentence in sentences for word in sentence.words):
        counts[character] = counts.get(character, 0) + 1
    typographic = set("".join(TYPOGRAPHIC_TAGS.values()) + APOSTROPHE)
    return "".join(sorted(typographic | {each for each, count in counts.items() if count >= MIN_CHARACTER_COUNT}))


def create(path: Path) -> Tuple[Teacher, Reader]:
    """Create a teacher, without its weights, and what reads sentences for it."""
    settings = json.loads((path / SETTINGS).read_text(encoding="utf8"))
    config = MPNetConfig(**settings["encoder"])
    teacher = Teacher(config, len(settings["characters"]), [len(settings["labels"][layer]) for layer in LAYERS])
    return teacher, Reader(path / TOKENIZER, settings["characters"], config.pad_token_id)


def load(path: Path) -> Tuple[Teacher, Reader, Dict[str, List[str]]]:
    """Load a teacher, what reads sentences for it, and its labels."""
    teacher, reader = create(path)
    teacher.load_state_dict(load_file(path / WEIGHTS))
    labels = json.loads((path / SETTINGS).read_text(encoding="utf8"))["labels"]
    return teacher.eval(), reader, labels


def create_optimizer(teacher: Teacher) -> torch.optim.AdamW:
    groups: List[Dict[str, Any]] = []
    for is_encoder in (True, False):
        parameters = [p for name, p in teacher.named_parameters() if name.startswith("encoder.") == is_encoder]
        rate = ENCODER_RATE if is_encoder else RATE
        matrices, vectors = [p for p in parameters if p.dim() > 1], [p for p in parameters if p.dim() == 1]
        groups.append({"params": matrices, "highest_rate": rate, "weight_decay": WEIGHT_DECAY})
        groups.append({"params": vectors, "highest_rate": rate, "weight_decay": 0.0})
    return torch.optim.AdamW(groups, fused=True)


def set_rate(optimizer: torch.optim.AdamW, done: float) -> None:
    """Let the rates rise, and then fall to nothing."""
    factor = min(done / WARM_UP, (1 - done) / (1 - WARM_UP))
    for group in optimizer.param_groups:
        group["lr"] = factor * group["highest_rate"]


def learn(
    teacher: Teacher,
    reader: Reader,
    optimizer: torch.optim.AdamW,
    sentences: Sequence[Sentence],
    ids: Sequence[Dict[str, int]],
) -> float:
    teacher.train()
    targets = [
        torch.tensor([numbers[label] for labels in column for label in labels])
        for numbers, column in zip(ids, zip(*map(get_labels, sentences)))
    ]
    logits = teacher(reader.read([sentence.words for sentence in sentences]))
    losses = [cross_entropy(*pair, label_smoothing=LABEL_SMOOTHING) for pair in zip(logits, targets)]
    loss = torch.stack(losses).sum()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(teacher.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def evaluate(
    teacher: Teacher, reader: Reader, sentences: Sequence[Sentence], labels: Dict[str, List[str]]
) -> Tuple[float, ...]:
    """Give each head's accuracy."""
    teacher.eval()
    n_right, n_words = [0] * len(LAYERS), 0
    for batch in split_by_length(sorted(sentences, key=lambda s: reader.count(s.words)), reader):
        with torch.inference_mode():
            logits = teacher(reader.read([sentence.words for sentence in batch]))
        n_words += sum(len(sentence.words) for sentence in batch)
        for i, (layer, column) in enumerate(zip(LAYERS, zip(*map(get_labels, batch)))):
            best = [labels[layer][label] for label in logits[i].argmax(dim=1).tolist()]
            n_right[i] += sum(a == b for a, b in zip(best, itertools.chain.from_iterable(column)))
    return tuple(n / n_words for n in n_right)


def make_batches(sentences: List[Sentence], reader: Reader, rng: random.Random) -> List[List[Sentence]]:
    """Make batches of sentences of like length, in any order."""
    rng.shuffle(sentences)
    batches: List[List[Sentence]] = []
    pool: List[Sentence] = []
    n_pieces = 0
    for i, sentence in enumerate(sentences):
        pool.append(sentence)
        n_pieces += reader.count(sentence.words)
        if n_pieces > BATCHES_PER_POOL * PIECES_PER_BATCH or i == len(sentences) - 1:
            batches += split_by_length(sorted(pool, key=lambda s: reader.count(s.words)), reader)
            pool, n_pieces = [], 0
    rng.shuffle(batches)
    return batches


def split_by_length(sentences: Sequence[Sentence], reader: Reader) -> Iterator[List[Sentence]]:
    """Split sorted sentences into batches that have so many pieces, padding included."""
    batch: List[Sentence] = []
    for sentence in sentences:
        if batch and (len(batch) + 1) * reader.count(sentence.words) > PIECES_PER_BATCH:
            yield batch
            batch = []
        batch.append(sentence)
    if batch:
        yield batch


# What is read of a sentence.
COLUMNS = ("words", "spaces", "tags", "pos", "morphs")


def join(sentences: Sequence[Sentence], rng: random.Random) -> Iterator[Sentence]:
    """Make one sentence of two or three that follow one another, here and there."""
    start = 0
    while start < len(sentences):
        n = rng.choice((2, 3)) if rng.random() < JOINED else 1
        group = sentences[start : start + n]
        while len(group) > 1 and sum(len(sentence.words) for sentence in group) > JOINED_WORDS:
            group = group[:-1]
        start += len(group)
        columns = {name: [getattr(sentence, name) or [] for sentence in group] for name in COLUMNS}
        yield Sentence(**{name: list(itertools.chain.from_iterable(column)) for name, column in columns.items()})


# Punctuation as it is typed, and its tag, and what is set for it: quotes, dashes, an ellipsis.
APOSTROPHE = "\u2019"
TYPOGRAPHIC_TAGS = {
    ('"', "``"): "\u201c",
    ('"', "''"): "\u201d",
    ("'", "``"): "\u2018",
    ("'", "''"): "\u2019",
    ("--", ","): "\u2014",
    ("--", ":"): "\u2014",
    ("-", ","): "\u2013",
    ("-", ":"): "\u2013",
    ("...", ","): "\u2026",
    ("...", "."): "\u2026",
}


def vary(sentence: Sentence, rng: random.Random) -> Sentence:
    """Write a sentence otherwise, by chance. Its labels stay."""
    words, spaces, tags = list(sentence.words), sentence.spaces or [], sentence.tags or []
    end = len(words)
    if rng.random() < NO_FULL_STOP and end > 2 and words[-1] == ".":
        end -= 1
    if rng.random() < LOWER_CASE_FIRST_WORD and words[0] != "I":
        words[0] = words[0].lower()
    if rng.random() < TYPOGRAPHIC:
        words = [TYPOGRAPHIC_TAGS.get(pair) or pair[0].replace("'", APOSTROPHE) for pair in zip(words, tags)]
    chance = rng.random()
    if chance < LOWER_CASE:
        words = [word.lower() for word in words]
    elif chance < LOWER_CASE + UPPER_CASE:
        words = [word.upper() for word in words]
    elif chance < LOWER_CASE + UPPER_CASE + TITLE_CASE:
        follows_space = [True, *spaces]
        words = [word[0].upper() + word[1:] if after else word for word, after in zip(words, follows_space)]
    columns = {name: getattr(sentence, name) or [] for name in COLUMNS}
    return Sentence(**{name: column[:end] for name, column in {**columns, "words": words}.items()})
