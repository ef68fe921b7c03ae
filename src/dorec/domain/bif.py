"""Bayesian networks in the Bayesian interchange format (BIF 0.15), with their tables.

Everything read here is data to be parsed; nothing in it is evaluated.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod

import numpy as np

from dorec.domain.errors import InputError
from dorec.numeric.arrays import FloatArray

SLACK = 0.02  # by which rounded probabilities may miss a sum of one
_TOKEN = re.compile(
    r"""\s+|//[^\n]*|/\*.*?\*/|\bproperty\b[^;]*;
    |"(?P<quoted>[^"]*)"
    |(?P<mark>[{}()\[\],;|])
    |(?P<word>[^\s{}()\[\],;|"]+)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, eq=False)
class ConditionalTable:
    """The distribution of a discrete variable given its parents.

    `values` has one dimension a parent, in their order, and last that of the variable's own levels; sums over the last
    are one.

    >>> ConditionalTable("b", ("no", "yes"), ("a",), np.array([[0.9, 0.1], [0.3, 0.7]])).values[1, 1]
    np.float64(0.7)
    """

    name: str
    levels: tuple[str, ...]
    parents: tuple[str, ...]
    values: FloatArray = field(repr=False)  # (levels of each parent..., own levels)


def read_bif(text: str) -> tuple[ConditionalTable, ...]:
    """The tables of a network, in the order in which its variables are declared; rows are scaled to sum to one.

    Both forms of a table are read: a row for each combination of the parents' levels, with `default` for those left
    out, and `table`, in which the last parent's level changes fastest and the variable's own slowest.

    Raises:
        InputError: the text is no BIF network with complete tables; the message says where.

    Example:
        >>> a, b = read_bif('''variable a { type discrete [ 2 ] { no, yes }; }
        ... variable b { type discrete [ 2 ] { low, high }; }
        ... probability ( a ) { table 0.8, 0.2; }
        ... probability ( b | a ) { (no) 0.9, 0.1; (yes) 0.3, 0.7; }''')
        >>> b.parents, b.values.tolist()
        (('a',), [[0.9, 0.1], [0.3, 0.7]])
    """
    reader = _Reader(text)
    reader.read()
    missing = [name for name in reader.levels if name not in reader.tables]
    if not reader.levels or missing:
        said = f"no table for {', '.join(missing)}" if missing else "no variable"
        raise InputError(f"This BIF text has {said}; it needs `variable` and `probability` for each node.")
    return tuple(reader.tables[name] for name in reader.levels)


def write_bif(tables: Sequence[ConditionalTable], name: str = "network") -> str:
    """The network as BIF text, with every probability to its last digit: `read_bif` gives the same tables.

    Raises:
        InputError: a name or level has a quotation mark or a line break, which BIF can't hold.

    Example:
        >>> print(write_bif([ConditionalTable("a", ("no", "yes"), (), np.array([0.8, 0.2]))]))
        network network {
        }
        variable a {
          type discrete [ 2 ] { no, yes };
        }
        probability ( a ) {
          table 0.8, 0.2;
        }
    """
    levels = {table.name: table.levels for table in tables}
    lines = [f"network {_word(name)} {{", "}"]
    for table in tables:
        own = ", ".join(map(_word, table.levels))
        lines += [f"variable {_word(table.name)} {{", f"  type discrete [ {len(table.levels)} ] {{ {own} }};", "}"]
    for table in tables:
        given = f" | {', '.join(map(_word, table.parents))}" if table.parents else ""
        lines.append(f"probability ( {_word(table.name)}{given} ) {{")
        if not table.parents:
            lines.append(f"  table {_numbers(table.values)};")
        for combination in product(*(range(len(levels[p])) for p in table.parents)) if table.parents else ():
            case = ", ".join(_word(levels[p][i]) for p, i in zip(table.parents, combination, strict=True))
            lines.append(f"  ({case}) {_numbers(table.values[combination])};")
        lines.append("}")
    return "\n".join(lines)


def _word(name: str) -> str:
    if '"' in name or "\n" in name:
        raise InputError(f"{name!r} has a quotation mark or a line break, which BIF can't hold; rename it.")
    plain = re.fullmatch(r"[^\s{}()\[\],;|\"/]+", name) and name != "property"
    return name if plain else f'"{name}"'


def _numbers(values: FloatArray) -> str:
    return ", ".join(repr(float(v)) for v in values)


class _Reader:
    """Reads the blocks of a network."""

    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.at = 0
        self.levels: dict[str, tuple[str, ...]] = {}
        self.tables: dict[str, ConditionalTable] = {}

    def read(self) -> None:
        while self.at < len(self.tokens):
            word = self._next()
            if word == "network":
                self._next()
                self._expect("{")
                self._expect("}")
            elif word == "variable":
                self._variable()
            elif word == "probability":
                self._probability()
            else:
                raise self._refusal(f"{word!r} where `network`, `variable` or `probability` is needed")

    def _variable(self) -> None:
        name = self._next()
        if name in self.levels:
            raise self._refusal(f"variable {name} twice")
        for mark in ("{", "type", "discrete", "["):
            self._expect(mark)
        size = self._next()
        self._expect("]")
        self._expect("{")
        levels = tuple(self._list("}"))
        if str(len(levels)) != size or len(set(levels)) < len(levels):
            raise self._refusal(f"{len(levels)} levels ({', '.join(levels)}) of {name}, which says it has {size}")
        self._expect(";")
        self._expect("}")
        self.levels[name] = levels

    def _probability(self) -> None:
        self._expect("(")
        name = self._next()
        parents: tuple[str, ...] = ()
        if self._next() == "|":
            parents = tuple(self._list(")"))
        for node in (name, *parents):
            if node not in self.levels:
                raise self._refusal(f"a table with {node}, which is no variable declared before")
        if name in self.tables:
            raise self._refusal(f"two tables of {name}")
        self._expect("{")
        shape = (*(len(self.levels[p]) for p in parents), len(self.levels[name]))
        values = self._rows(name, parents, shape)
        if not np.isfinite(values).all():
            raise self._refusal(f"a table of {name} without a row for every combination of {', '.join(parents)}")
        total = values.sum(axis=-1, keepdims=True)
        if (values < 0).any() or (np.abs(total - 1) > SLACK).any():
            raise self._refusal(f"rows of {name} that are no probabilities with sum 1")
        exact = np.abs(total - 1) < 1e-12  # a division would change the last digit of what is right already
        self.tables[name] = ConditionalTable(name, self.levels[name], parents, np.where(exact, values, values / total))

    def _rows(self, name: str, parents: tuple[str, ...], shape: tuple[int, ...]) -> FloatArray:
        values = np.full(shape, np.nan)
        default: FloatArray | None = None
        while (word := self._next()) != "}":
            if word == "table":
                by_own = self._floats(name, prod(shape)).reshape(shape[-1], *shape[:-1])
                values = np.moveaxis(by_own, 0, -1).copy()
            elif word == "default":
                default = self._floats(name, shape[-1])
            elif word == "(":
                case = self._list(")")
                if len(case) != len(parents):
                    raise self._refusal(f"({', '.join(case)}) for the parents {', '.join(parents)} of {name}")
                place = tuple(self._level(p, level) for p, level in zip(parents, case, strict=True))
                values[place] = self._floats(name, shape[-1])
            else:
                raise self._refusal(f"{word!r} where a row of {name} is needed")
        return values if default is None else np.where(np.isnan(values), default, values)

    def _level(self, node: str, level: str) -> int:
        if level not in self.levels[node]:
            raise self._refusal(f"level {level!r} of {node}, which has {', '.join(self.levels[node])}")
        return self.levels[node].index(level)

    def _floats(self, name: str, n: int) -> FloatArray:
        words = self._list(";")
        try:
            found = np.array([float(word) for word in words])
        except ValueError:
            raise self._refusal(f"{', '.join(words)} where probabilities of {name} are needed") from None
        if len(found) != n:
            raise self._refusal(f"{len(found)} probabilities of {name} where {n} are needed")
        return found

    def _list(self, end: str) -> list[str]:
        out = []
        while (word := self._next()) != end:
            if word in ("{", "}", "(", ")", ";", "|"):
                raise self._refusal(f"{word!r} where {end!r} is needed")
            if word != ",":
                out.append(word)
        return out

    def _expect(self, wanted: str) -> None:
        word = self._next()
        if word != wanted:
            raise self._refusal(f"{word!r} where {wanted!r} is needed")

    def _next(self) -> str:
        if self.at >= len(self.tokens):
            raise InputError("The BIF text ends in the middle of a block.")
        self.at += 1
        return self.tokens[self.at - 1][0]

    def _refusal(self, found: str) -> InputError:
        line = self.tokens[max(self.at - 1, 0)][1]
        return InputError(f"BIF: line {line} has {found}.")


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """Words and marks, each with its line."""
    place, line = 0, 1
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise InputError(f"BIF: line {line} has {text[place]!r} where a name or a bracket is needed.")
        if found.lastgroup:
            yield found[found.lastgroup], line
        line += found[0].count("\n")
        place = found.end()
