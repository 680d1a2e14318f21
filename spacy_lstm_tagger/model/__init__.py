"""The border between spaCy and torch: docs to tensors, with gradients for training and without for tagging."""
