"""The pipeline component `lstm_tagger`: labels, loss, probabilities and files. Knows Doc, no tensors."""
