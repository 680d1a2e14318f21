"""Annotated sentences in, tagged text out, in the formats that people have."""
