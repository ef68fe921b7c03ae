"""Rows of any SQLAlchemy database as Arrow batches of raw columns, for ingest to validate."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from dorec.domain.errors import ConfigError, UnreadableSource, did_you_mean


def read_sql(
    url: str, *, table: str | None = None, query: str | None = None, batch_rows: int = 100_000
) -> Iterator[pa.Table]:
    """Batches of the rows of a table or query, streamed, in the types of the database.

    Args:
        url: `sqlite:///shop.db`, `postgresql+psycopg://...`, `mysql+pymysql://...`
        table: a table or view, with a schema before a dot where it has one.
        query: a SELECT instead of a table.
        batch_rows: rows a batch.

    Raises:
        ConfigError: neither or both of table and query are given, or the table is not there.
        UnreadableSource: the database can't be opened or the query fails.

    Example:
        >>> [b.to_pydict() for b in read_sql("sqlite://", query="SELECT 'ann' AS user, 2 AS n")]
        [{'user': ['ann'], 'n': [2]}]
    """
    if (table is None) == (query is None):
        raise ConfigError("Give either table= or query= to read from a database.")
    shown = sa.engine.make_url(url).render_as_string(hide_password=True)
    try:
        engine = sa.create_engine(url, poolclass=NullPool)
        with engine.connect() as connection:
            statement = sa.text(query) if query is not None else _select(connection, str(table), shown)
            result = connection.execution_options(stream_results=True).execute(statement)
            names = list(result.keys())
            while rows := result.fetchmany(batch_rows):
                yield _to_arrow(names, rows)
    except (sa.exc.SQLAlchemyError, ModuleNotFoundError) as error:
        raise UnreadableSource(f"{shown} can't be read: {str(error).splitlines()[0]}") from None


def _select(connection: sa.Connection, table: str, shown: str) -> Any:
    schema, _, name = table.rpartition(".")
    inspector = sa.inspect(connection)
    known = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
    if name not in known:
        listed = ", ".join(known[:20])
        raise ConfigError(f"Table {table!r} is not in {shown}. Tables: {listed}.{did_you_mean(name, known)}")
    return sa.select(sa.text("*")).select_from(sa.table(name, schema=schema or None))


def _to_arrow(names: list[str], rows: Any) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    return pa.table({name: _array(values) for name, values in zip(names, columns, strict=True)})


def _array(values: Any) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):  # SQLite lets a column change its type
        return pa.array([None if v is None else v if isinstance(v, str) else str(v) for v in values], pa.string())
