"""A source of events as the stations need it: files go to ingest by path, databases through the store."""

import itertools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dorec.domain.errors import ConfigError, UnreadableSource
from dorec.domain.run import RunContext
from dorec.ingest import Batch, ColumnRoles, infer_roles, read_events
from dorec.store import read_sql


@dataclass(frozen=True, kw_only=True)
class EventSource:
    """A file, folder, glob or database URL with its columns understood.

    `${NAME}` in a URL is read from the environment, so that a password need not stand in dorec.toml.
    """

    path: str
    table: str | None
    roles: ColumnRoles

    @classmethod
    def look(
        cls,
        path: str,
        table: str | None,
        columns: Mapping[str, str] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> "EventSource":
        """The source with inferred roles; `columns` and `options` override them."""
        if is_url(path):
            if table is None:
                raise ConfigError("A database needs the table to read: give --table NAME, or set [data] table.")
            file = Path(path.partition("///")[2])
            if path.startswith("sqlite:") and "$" not in path and not file.is_file():
                raise UnreadableSource(f"{file} does not exist. Correct the path of the database.")
            first = next(read_sql(os.path.expandvars(path), table=table, batch_rows=10_000), None)
            if first is None:
                raise UnreadableSource(f"{without_secrets(path)} holds no rows in {table!r}. Name another --table.")
            roles = infer_roles(first)
        else:
            roles = infer_roles(path)
        roles = roles.with_columns(**columns) if columns else roles
        return cls(path=path, table=table, roles=roles.with_options(**options) if options else roles)

    def batches(self, context: RunContext, batch_rows: int = 100_000) -> Iterator[Batch]:
        """Validated batches of all rows."""
        if not is_url(self.path):
            yield from read_events(self.path, self.roles, batch_rows=batch_rows, context=context)
            return
        tables = read_sql(os.path.expandvars(self.path), table=self.table, batch_rows=batch_rows)
        first = next(tables, None)
        if first is not None:
            yield from read_events(
                itertools.chain([first], tables), self.roles, context=context, name=without_secrets(self.path)
            )


def is_url(source: str) -> bool:
    """Whether a source is a database.

    >>> is_url("sqlite:///shop.db"), is_url("events/*.csv")
    (True, False)
    """
    return "://" in source


def without_secrets(url: str) -> str:
    """A URL without user and password, for logs and messages.

    >>> without_secrets("postgresql://me:secret@db/shop")
    'postgresql://db/shop'
    """
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rsplit('@', 1)[-1]}"
