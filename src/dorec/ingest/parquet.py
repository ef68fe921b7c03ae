"""Parquet files, a batch of rows at a time."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dorec.domain.errors import UnreadableSource


def read_parquet(path: Path, batch_rows: int) -> Iterator[pa.Table]:
    """The rows of a Parquet file in their own types.

    Raises:
        UnreadableSource: the file is damaged, cut or no Parquet file.
    """
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=batch_rows):
                yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError) as error:
        raise UnreadableSource(f"{path} can't be read as Parquet: {str(error).splitlines()[0]}") from None
