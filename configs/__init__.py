"""Installed as `spacy_lstm_tagger.configs`, where `lstm-tagger train --config NAME` finds the files beside this one."""
