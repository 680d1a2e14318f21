"""What spaCy's training loop is given: batches, checkpoints, a log of probabilities."""
