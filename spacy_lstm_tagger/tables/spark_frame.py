"""The tagger on a data frame of Spark."""

from typing import Any

from ..extras import import_extra
from .annotator import Annotator


def annotate_frame(frame: Any, annotate: Annotator) -> Any:
    """Annotate a data frame where its partitions are. Each of Spark's workers loads the pipeline once.

    frame (pyspark.sql.DataFrame): The data frame.
    annotate (Annotator): What is added to it, with `n_threads=1` where Spark runs a worker on each core.
    RETURNS (pyspark.sql.DataFrame): The data frame with more columns.
    """
    types = import_extra("pyspark.sql.pandas.types", "spark")
    schema = annotate.schema(types.to_arrow_schema(frame.schema))
    return frame.mapInArrow(annotate.batches, types.from_arrow_schema(schema))
