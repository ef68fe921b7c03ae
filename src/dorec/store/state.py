"""The state database of a study: any SQLAlchemy URL, brought to the newest shape when it is opened."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from dorec.domain.errors import InputError, UnreadableSource

HEAD = "0002"
MIGRATIONS = Path(__file__).with_name("migrations")


def open_state(url: str) -> sa.Engine:
    """An engine on the state database, with every migration applied.

    SQLite runs in WAL mode and waits for the disk at every commit (`synchronous=FULL`), so what was committed survives
    a power cut. A migration is one transaction: a crash leaves the old shape or the new one.

    Raises:
        UnreadableSource: the database cannot be opened.
        InputError: a newer version of dorec has written it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     sorted(sa.inspect(open_state(f"sqlite:///{folder}/state.sqlite")).get_table_names())
        ['alembic_version', 'commits', 'decisions', 'estimates', 'runs', 'stages']
    """
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            version = _version(connection)
    except sa.exc.SQLAlchemyError as error:
        shown = sa.engine.make_url(url).render_as_string(hide_password=True)
        raise UnreadableSource(f"{shown} can't be opened: {str(error).splitlines()[0]}") from None
    if version != HEAD:
        _migrate(engine, version)
    return engine


def make_engine(url: str) -> sa.Engine:
    """An engine without a pool: connections are never shared between threads or forked processes."""
    engine = sa.create_engine(url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _sqlite_connect)
        sa.event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connect(connection: Any, record: Any) -> None:
    del record
    connection.isolation_level = None  # else the driver commits before every CREATE TABLE
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _sqlite_begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _migrate(engine: sa.Engine, version: str | None) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    if version is not None and version not in {s.revision for s in script.walk_revisions()}:
        raise InputError(
            f"The state database has shape {version}, which this version of dorec does not know; upgrade it."
        )

    def upgrade(revision: Any, context: Any) -> Any:
        del context
        return script._upgrade_revs("head", revision)

    with (
        EnvironmentContext(config, script, fn=upgrade, destination_rev="head") as environment,
        engine.connect().execution_options(writes=True) as connection,
        connection.begin(),
    ):
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()
