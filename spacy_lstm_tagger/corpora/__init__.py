"""Corpora that do not fit into memory, tagged by many processes, on one machine or on many."""

from ..extras import import_extra

for _module in ("pyarrow", "fsspec"):
    import_extra(_module, "annotate")
