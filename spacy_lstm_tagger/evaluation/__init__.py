"""Measures a tagger on annotated sentences: scores, figures and the report."""
