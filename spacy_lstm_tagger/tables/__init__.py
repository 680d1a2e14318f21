"""Tables of texts, to which the tagger adds columns, for pandas, Polars, DuckDB, Ray Data, Spark and Dask."""

from ..extras import import_extra

import_extra("pyarrow", "annotate")
