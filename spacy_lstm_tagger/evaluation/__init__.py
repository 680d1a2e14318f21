"""How well a tagger does on annotated sentences: scores, figures, the report."""
