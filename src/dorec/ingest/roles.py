"""Which column of a source is what, and how its bytes are to be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from dorec.domain.errors import ColumnNotFound, ConfigError, did_you_mean

Kind = Literal["events", "units", "items", "users"]
Format = Literal["delimited", "jsonl", "parquet", "table"]
ROLES = (
    "user_id", "item_id", "event", "timestamp", "value", "session_id", "position", "propensity", "policy_id",
    "event_id", "quantity", "price",
)  # fmt: skip
TIME_UNITS = {"unix_s": "s", "unix_ms": "ms", "unix_us": "us", "iso": "iso", "time": "iso"}


@dataclass(frozen=True, kw_only=True)
class ColumnRoles:
    """Roles of columns, format of the file, and for each choice the reason in words.

    `quantity` and `price` are multiplied into the value where no column is the value itself.

    Example:
        >>> roles = ColumnRoles(columns={"user_id": "who"}, source_columns={"who": "text", "what": "text"})
        >>> roles.with_columns(item_id="what").columns
        {'user_id': 'who', 'item_id': 'what'}
    """

    columns: Mapping[str, str]  # role -> source column
    kind: Kind = "events"
    format: Format = "delimited"
    delimiter: str = ","
    header: bool = True
    encoding: str = "utf-8"
    time_unit: str | None = None  # s, ms, us (since 1970) or iso
    time_zone: str | None = None  # of times that name none; without it such times are set aside
    time_format: str | None = None  # as in strptime, where times are not ISO 8601
    event_names: Mapping[str, str] = field(default_factory=dict)  # the source's name -> the funnel's
    constant_event: str = "interaction"  # where no column names the event
    event_from_file: bool = False  # the name of each file says which event it holds
    required: tuple[str, ...] = ("user_id",)  # roles that may not be missing in a row
    keep_context: bool = True  # every other column goes to `context` as JSON
    source_columns: Mapping[str, str] = field(default_factory=dict)  # every column -> what its values look like
    evidence: Mapping[str, str] = field(default_factory=dict)  # role or setting -> why

    def with_columns(self, **columns: str | None) -> "ColumnRoles":
        """The roles with other columns: `roles.with_columns(user_id="who", session_id=None)`.

        Raises:
            ConfigError: there is no such role.
            ColumnNotFound: the source has no such column.
        """
        chosen, evidence = dict(self.columns), dict(self.evidence)
        for role, column in columns.items():
            if role not in ROLES:
                raise ConfigError(f"There is no role {role!r}.{did_you_mean(role, ROLES)} Roles: {', '.join(ROLES)}.")
            if not column:
                chosen.pop(role, None)
                continue
            if self.source_columns and column not in self.source_columns:
                raise ColumnNotFound(column, self.source_columns, where="the source")
            if chosen.get(role) != column:
                chosen[role] = column
                evidence[role] = "given by hand"
        unit, zone = self.time_unit, self.time_zone
        if columns.get("timestamp") and columns["timestamp"] != self.columns.get("timestamp"):
            unit = TIME_UNITS.get(self.source_columns.get(str(columns["timestamp"]), ""), unit)
            if unit == "iso" and zone is None and self.format != "jsonl":
                zone = "UTC"
                evidence["time_zone"] = "times name no zone; UTC is assumed"
        required = tuple(r for r in self.required if r in chosen)
        if "timestamp" in chosen and "timestamp" not in required:
            required += ("timestamp",)
        return replace(
            self, columns=chosen, evidence=evidence, time_unit=unit, time_zone=zone,
            required=required, event_from_file=self.event_from_file and "event" not in chosen,
        )  # fmt: skip

    def with_options(self, **options: object) -> "ColumnRoles":
        """The roles with other settings: `roles.with_options(encoding="gbk", time_zone="Europe/Berlin")`.

        Raises:
            ConfigError: there is no such setting.
        """
        known = [name for name in self.__dataclass_fields__ if name not in {"columns", "evidence", "source_columns"}]
        for name in options:
            if name not in known:
                raise ConfigError(
                    f"There is no setting {name!r}.{did_you_mean(name, known)} Settings: {', '.join(known)}."
                )
        return replace(self, evidence={**self.evidence, **dict.fromkeys(options, "given by hand")}, **options)  # type: ignore[arg-type]

    @property
    def used(self) -> frozenset[str]:
        """Source columns that a role has taken whole; quantity and price stay in the context."""
        return frozenset(c for role, c in self.columns.items() if role not in {"quantity", "price"})
