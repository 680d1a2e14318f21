"""What spaCy's training loop uses: a batcher, checkpoints, and a logger of probabilities."""
