"""Tables as Parquet, to and from bytes."""

from __future__ import annotations

import io

import pandas as pd

from foldgrid.specs.errors import CorruptFileError


def parquet_bytes(table: pd.DataFrame) -> bytes:
    """A table as a Parquet file, without its index."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def parquet_table(data: bytes, path: str, mend: str = "") -> pd.DataFrame:
    """The table of a Parquet file.

    Args:
        data: The file's content.
        path: The file, for people.
        mend: What to do where it is corrupt.

    Raises:
        CorruptFileError: It is no Parquet file.
    """
    try:
        return pd.read_parquet(io.BytesIO(data))
    except (OSError, ValueError, KeyError) as error:
        raise CorruptFileError.unreadable(path, data, error, mend) from error
