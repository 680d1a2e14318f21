"""Measure how fast a corpus is annotated by each engine, beside `nlp.pipe` and `spacy apply` in one process.

    python tests/benchmarks/measure_annotate.py UD_English-EWT/en_ewt-ud-train.conllu --tokens 2000000

The corpus is the treebank's text again and again in paragraphs of five sentences, in one file of JSON lines. Each way
is run as a command of its own: `nlp.pipe` in one process, and in two that have half of the texts each, `spacy apply`,
the engines with one worker and with two, and Ray with two nodes on this machine, which have a worker each. Its speed is
also shown without what starting takes, which is measured with one text, and for each second that processors worked on
it, which depends less on what else the machine does (not for Ray, whose processes are not the command's own). Memory is
the most that a command and all that it started have together (Linux).
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import Callable

from wasabi import msg

from spacy_lstm_tagger.pipeline.loading import load_pipeline

SENTENCES_PER_TEXT = 5
PIPE = """
import json, sys
from itertools import islice
from spacy.util import minibatch
from spacy_lstm_tagger import load_pipeline
nlp = load_pipeline(sys.argv[1])
first, step = map(int, sys.argv[3:])
for lines in minibatch(islice(open(sys.argv[2], encoding="utf8"), first, None, step), 4_000):
    with nlp.memory_zone():
        for doc in nlp.pipe([json.loads(line)["text"] for line in lines]):
            pass
"""
TWO = """
import subprocess, sys
commands = [[sys.executable, "-c", *sys.argv[1:], first, "2"] for first in "01"]
for process in [subprocess.Popen(command) for command in commands]:
    assert process.wait() == 0
"""
NODES = """
import sys
import ray
from ray.cluster_utils import Cluster
from spacy_lstm_tagger.corpora.annotate import annotate
options = {"num_cpus": 1, "object_store_memory": 500_000_000}
cluster = Cluster(initialize_head=True, head_node_args={**options, "include_dashboard": False})
cluster.add_node(**options)
ray.init(cluster.address, log_to_driver=False)
annotate(sys.argv[2], sys.argv[3], sys.argv[1], engine="ray", n_workers=2)
ray.shutdown()
cluster.shutdown()
"""
APPLY = ["-m", "spacy", "apply", "--force"]  # one text at a time, if nothing else is asked for
ANNOTATE = ["-m", "spacy", "lstm-tagger", "annotate"]
# Each takes the model, the corpus and the output.
WAYS: dict[str, Callable[[str, str, str], list[str]]] = {
    "pipe": lambda model, corpus, out: ["-c", PIPE, model, corpus, "0", "1"],
    "two pipes": lambda model, corpus, out: ["-c", TWO, PIPE, model, corpus],
    "apply": lambda model, corpus, out: [*APPLY, model, corpus, f"{out}.spacy"],
    "apply, batches": lambda model, corpus, out: [*APPLY, "--batch-size", "1000", model, corpus, f"{out}.spacy"],
    "local-1": lambda model, corpus, out: [*ANNOTATE, corpus, out, "--model", model, "--workers", "1"],
    "local-2": lambda model, corpus, out: [*ANNOTATE, corpus, out, "--model", model, "--workers", "2"],
    "ray-1": lambda model, corpus, out: [
        *[*ANNOTATE, corpus, out, "--model", model, "--workers", "1"],
        *["--engine", "ray"],
    ],
    "ray-2": lambda model, corpus, out: [
        *[*ANNOTATE, corpus, out, "--model", model, "--workers", "2"],
        *["--engine", "ray"],
    ],
    "nodes": lambda model, corpus, out: ["-c", NODES, model, corpus, out],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="CoNLL-U file that has its text in comments")
    parser.add_argument("--model", default="en")
    parser.add_argument("--tokens", type=int, default=2_000_000)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), help=", ".join(WAYS))
    options = parser.parse_args()
    rows, speeds = [], {}
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        nlp = load_pipeline(options.model)
        nlp.to_disk(work / "model")
        write_corpus(options.data, work / "one.jsonl", 1, nlp.make_doc)
        n_tokens = write_corpus(options.data, work / "many.jsonl", options.tokens, nlp.make_doc)
        for way in options.ways:
            start, start_of_processors, _ = run(WAYS[way], work, "one.jsonl")
            seconds, of_processors, megabytes = run(WAYS[way], work, "many.jsonl")
            speeds[way] = n_tokens / max(seconds - start, 1e-9)
            row = [way, f"{n_tokens / seconds / 1000:.1f}k", f"{speeds[way] / 1000:.1f}k", f"{start:.0f} s"]
            by_processor = n_tokens / max(of_processors - start_of_processors, 1e-9)
            row.append("" if way in ("ray-1", "ray-2", "nodes") else f"{by_processor / 1000:.1f}k")
            rows.append([*row, f"{speeds[way] / speeds[options.ways[0]]:.2f}", f"{megabytes:,.0f}"])
            print(f"{way}: {seconds:.1f} s, {', '.join(rows[-1][1:])}", file=sys.stderr, flush=True)
    header = ["", "tokens/s", "once started", "start", "by processor", f"to {options.ways[0]}", "MB"]
    msg.table(rows, header=header, divider=True, aligns=tuple("lrrrrrr"))
    print(f"{n_tokens:,} tokens")


def write_corpus(data: Path, path: Path, n_tokens: int, tokenize: Callable[[str], object]) -> int:
    """Write so many tokens of text. RETURNS (int): How many they are."""
    prefix = "# text = "
    lines = data.read_text("utf8").splitlines()
    sentences = [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]
    texts = [" ".join(sentences[i : i + SENTENCES_PER_TEXT]) for i in range(0, len(sentences), SENTENCES_PER_TEXT)]
    lengths = [len(tokenize(text)) for text in texts]  # type: ignore[arg-type]
    written = 0
    with path.open("w", encoding="utf8") as file:
        for number, (text, length) in enumerate(cycle(zip(texts, lengths))):
            file.write(json.dumps({"id": number, "text": text}, ensure_ascii=False) + "\n")
            written += length
            if written >= n_tokens:
                return written
    return written


def run(way: Callable[[str, str, str], list[str]], work: Path, corpus: str) -> tuple[float, float, float]:
    """RETURNS (tuple[float, float, float]): Seconds, seconds of processors, and megabytes."""
    out = work / "out"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, *way(str(work / "model"), str(work / corpus), str(out))]
    start, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with (work / "log").open("w") as log:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        most = 0.0
        while process.poll() is None:
            most = max(most, count_megabytes(process.pid))
            time.sleep(2)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}: {(work / 'log').read_text()}")
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime, most


def count_megabytes(root: int) -> float:
    """Memory of a process and those below it, where each page that they share counts once."""
    parents, kilobytes = {}, {}
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            parents[directory.name] = (directory / "stat").read_text().rpartition(")")[2].split()[1]
            rollup = (directory / "smaps_rollup").read_text()
            kilobytes[directory.name] = int(rollup.partition("Pss:")[2].split()[0])
        except (OSError, IndexError):
            continue  # it has ended

    def is_below(process: str | None) -> bool:
        return process is not None and (process == str(root) or is_below(parents.get(process)))

    return sum(size for process, size in kilobytes.items() if is_below(process)) / 1024


if __name__ == "__main__":
    main()
