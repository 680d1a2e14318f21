"""Reads annotated sentences and writes tagged text, in the formats that people have."""
