"""The commands `spacy lstm-tagger ...`."""
