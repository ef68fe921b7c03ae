"""The variables of a structural model: which values they take, as numbers inside and as columns outside."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dorec.domain.errors import ConstantColumn, InputError, NotFinite
from dorec.numeric.arrays import AnyArray, FloatArray

Values: TypeAlias = dict[str, AnyArray]  # (n,) for each variable: floats, or positions of levels
Level: TypeAlias = str | int | float | bool
MAX_LEVELS = 256  # of a discrete variable: more are names of units, not kinds of them


@dataclass(frozen=True)
class Variable:
    """A discrete variable with its levels, or a continuous one (no levels) with the range in which it was seen.

    Example:
        >>> Variable.of("plan", pa.chunked_array([["pro", "free", "pro"]]), discrete=True)
        Variable(name='plan', levels=('free', 'pro'), low=0.0, high=1.0)
    """

    name: str
    levels: tuple[Level, ...] = ()
    low: float = -np.inf
    high: float = np.inf

    @property
    def is_discrete(self) -> bool:
        """Whether it has levels."""
        return bool(self.levels)

    @property
    def is_numeric(self) -> bool:
        """Whether its values can be averaged and shifted."""
        return not any(isinstance(level, str) for level in self.levels)

    @property
    def numbers(self) -> FloatArray:
        """The levels as numbers, (k,).

        Raises:
            InputError: they are words.
        """
        if not self.is_numeric:
            named = ", ".join(map(str, self.levels))
            raise InputError(f"{self.name} has words for levels ({named}), which have no mean; name one as `level`.")
        return np.array([float(level) for level in self.levels])

    @classmethod
    def of(cls, name: str, column: "pa.ChunkedArray", discrete: bool) -> "Variable":
        """The variable of a column that `plain` gave.

        Raises:
            ConstantColumn: one value in every row.
            InputError: too many levels.
        """
        if not discrete:
            low, high = (float(v) for v in pc.min_max(column).as_py().values())
            if low == high:
                raise _constant(name, low)
            return cls(name, (), low, high)
        levels = tuple(sorted(pc.unique(column).to_pylist()))
        if len(levels) < 2:
            raise _constant(name, levels[0])
        if len(levels) > MAX_LEVELS:
            raise InputError(
                f"{name} has {len(levels):,} levels, at most {MAX_LEVELS} are allowed; group the rare ones, "
                "or drop the node if it names the units."
            )
        return cls(name, levels, 0.0, len(levels) - 1.0)

    def encode(self, column: Any) -> AnyArray:
        """Floats, or positions of levels, (n,) of a column or array.

        Raises:
            InputError: a value is no level, or no number.
            NotFinite: a value is missing or infinite.
        """
        chunked = plain(self.name, column)
        if not self.is_discrete:
            if not is_number(chunked):
                raise InputError(f"{self.name} holds {chunked.type}, but the model knows it as a number.")
            return np.asarray(chunked.cast(pa.float64()).to_numpy(), dtype=np.float64)
        known = pa.array(self.levels)
        try:
            codes = pc.index_in(chunked.cast(known.type), value_set=known)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            codes = None
        if codes is None or codes.null_count:
            strange = [v for v in pc.unique(chunked).to_pylist() if v not in self.levels][:5]
            raise InputError(f"{self.name} has no level {_shown(strange)}; its levels: {_shown(self.levels)}.")
        return np.asarray(codes.to_numpy(), dtype=np.int64)

    def code(self, level: object) -> int:
        """The position of one level.

        Raises:
            InputError: it is none of the variable's.

        >>> Variable("plan", ("free", "pro")).code("pro")
        1
        """
        if not self.is_discrete:
            raise InputError(f"{self.name} is continuous and has no levels; ask about variables that have.")
        known = isinstance(level, str | int | float) and level in self.levels
        return self.levels.index(level) if known else int(self.encode([level])[0])

    def decode(self, values: AnyArray) -> AnyArray:
        """What `encode` got: floats, or levels."""
        if not self.is_discrete:
            return np.asarray(values, dtype=np.float64)
        kind = object if isinstance(self.levels[0], str) else None
        levels: AnyArray = np.array(self.levels, dtype=kind)
        return levels[values]

    def to_dict(self) -> dict[str, Any]:
        """The variable as plain data, for JSON."""
        low, high = (v if np.isfinite(v) else None for v in (self.low, self.high))
        return {"name": self.name, "levels": list(self.levels), "low": low, "high": high}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Variable":
        """The variable that `to_dict` wrote."""
        low, high = data["low"], data["high"]
        ends = (-np.inf if low is None else float(low), np.inf if high is None else float(high))
        return cls(str(data["name"]), tuple(data["levels"]), *ends)


def plain(name: str, column: Any) -> "pa.ChunkedArray":
    """A column of text, whole numbers, truth values or floats without gaps, categories as what they stand for."""
    try:
        chunked = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([pa.array(column)])
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise InputError(f"{name} holds values of several kinds; give numbers alone, or text alone.") from None
    if pa.types.is_dictionary(chunked.type):
        chunked = chunked.cast(chunked.type.value_type)
    if pa.types.is_decimal(chunked.type) or pa.types.is_float16(chunked.type):
        chunked = chunked.cast(pa.float64())
    if str(chunked.type) in ("large_string", "string_view"):
        chunked = chunked.cast(pa.string())
    if not (is_number(chunked) or pa.types.is_boolean(chunked.type) or pa.types.is_string(chunked.type)):
        raise InputError(
            f"{name} holds {chunked.type}; a model takes numbers, truth values and text. Convert it first."
        )
    missing = chunked.null_count
    if pa.types.is_floating(chunked.type):
        missing += chunked.length() - missing - int(pc.sum(pc.is_finite(chunked)).as_py() or 0)
    if missing:
        raise NotFinite(
            f"{name} is missing or infinite in {missing:,} of {chunked.length():,} rows",
            remedy="fill the gaps or drop these rows, and say so: a model of complete rows is a model of those alone",
            evidence={"column": name, "rows": missing},
        )
    return chunked


def looks_discrete(column: "pa.ChunkedArray", max_levels: int) -> bool:
    """Text, truth values, whole numbers with few levels, and floats with two."""
    if not is_number(column):
        return True
    most = 2 if pa.types.is_floating(column.type) else max_levels
    return int(pc.count_distinct(column).as_py()) <= most


def is_number(column: "pa.ChunkedArray") -> bool:
    """Whether a column holds whole numbers or floats."""
    return bool(pa.types.is_integer(column.type) or pa.types.is_floating(column.type))


def _constant(name: str, value: Any) -> ConstantColumn:
    return ConstantColumn(
        f"{name} is {value!r} in every row, so nothing can be learned of what it does",
        remedy="drop the node, or add rows where it differs",
        evidence={"column": name},
    )


def _shown(values: Any) -> str:
    return ", ".join(repr(v) for v in list(values)[:20])
