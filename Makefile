# make demo: set up .venv, train on the sample in corpus/ and tag a sentence. make test: run the tests.
PYTHON ?= python3
# A second thread gains a quarter where the processor is free, and loses tenfold where it is not.
export OMP_NUM_THREADS ?= 1
PIP_INSTALL = .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test check docs clean

demo: .venv/installed
	.venv/bin/python -m spacy lstm-tagger train corpus/en_sample-train.conllu models/sample --force \
		--dev corpus/en_sample-dev.conllu --training.max_steps 400 --training.eval_frequency 100 \
		--training.optimizer.learn_rate.total_steps 400
	.venv/bin/python -m spacy lstm-tagger tag "The quick brown fox jumps over the lazy dog." --model models/sample/model-best

test: .venv/installed
	.venv/bin/python -m pytest

# What CI runs besides: the long tests, which build the documentation, style, types and the direction of imports.
# PYTEST has more arguments for the tests.
check: .venv/installed
	.venv/bin/python -m pytest --slow -m slow --durations 10 $(PYTEST)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo --no-cache

# The pages of docs/, in site/. A link that leads nowhere is an error.
docs: .venv/installed
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP_INSTALL) torch
	$(PIP_INSTALL) --editable ".[dev]"
	touch .venv/installed

clean:
	rm -rf .venv build dist models/sample site *.egg-info
