"""Tag parts of speech and morphology with an LSTM, as a spaCy pipeline component."""
