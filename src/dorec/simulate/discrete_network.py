"""A Bayesian network of discrete variables: its graph and tables are the truth, its samples the data."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from dorec.domain.bif import ConditionalTable, read_bif, write_bif
from dorec.domain.errors import ColumnNotFound, ConfigError, InputError
from dorec.domain.graph import CausalGraph
from dorec.domain.run import RunContext
from dorec.numeric.arrays import IntArray

DEFAULT_CONTEXT = RunContext(seed=0)


@dataclass(frozen=True, eq=False)
class DiscreteNetwork:
    """Variables with levels, each with its distribution given its causes (Pearl 1988).

    Args:
        tables: one `ConditionalTable` a variable; a cycle is refused.

    Example:
        >>> network = DiscreteNetwork.from_bif('''
        ... variable rain { type discrete [ 2 ] { no, yes }; }
        ... variable wet { type discrete [ 2 ] { no, yes }; }
        ... probability ( rain ) { table 0.8, 0.2; }
        ... probability ( wet | rain ) { (no) 0.9, 0.1; (yes) 0.0, 1.0; }''')
        >>> network.graph.directed, network.sample(4).to_pydict()
        ((('rain', 'wet'),), {'rain': ['no', 'no', 'no', 'no'], 'wet': ['no', 'no', 'no', 'no']})
        >>> network.do({"rain": "yes"}).sample(2)["wet"].to_pylist()
        ['yes', 'yes']
    """

    tables: tuple[ConditionalTable, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", tuple(self.tables))
        _ = self.graph  # refuses strangers, repeated names and cycles
        for table in self.tables:
            shape = (*(len(self.levels[p]) for p in table.parents), len(table.levels))
            if table.values.shape != shape:
                raise InputError(f"The table of {table.name} is {table.values.shape}; its levels ask for {shape}.")
            if not np.allclose(table.values.sum(axis=-1), 1) or (table.values < 0).any():
                raise InputError(f"A row of the table of {table.name} is no distribution; give shares with sum 1.")

    @cached_property
    def graph(self) -> CausalGraph:
        """The network's DAG, with its variables in the order of the tables."""
        edges = [(parent, table.name) for table in self.tables for parent in table.parents]
        return CausalGraph.from_edges([table.name for table in self.tables], directed=edges)

    @cached_property
    def levels(self) -> Mapping[str, tuple[str, ...]]:
        """The levels of each variable."""
        return {table.name: table.levels for table in self.tables}

    @classmethod
    def from_bif(cls, text: str) -> "DiscreteNetwork":
        """The network of a BIF text; see `dorec.domain.bif.read_bif` for what is refused."""
        return cls(read_bif(text))

    def to_bif(self) -> str:
        """The network as BIF text.

        >>> coin = DiscreteNetwork((ConditionalTable("coin", ("head", "tail"), (), np.array([0.5, 0.5])),))
        >>> DiscreteNetwork.from_bif(coin.to_bif()).levels
        {'coin': ('head', 'tail')}
        """
        return write_bif(self.tables)

    def do(self, values: Mapping[str, str]) -> "DiscreteNetwork":
        """The network in which some variables are set from outside: their own tables give way to the level.

        Raises:
            ColumnNotFound: a name is no variable.
            ConfigError: a level is none of the variable's.
        """
        for name, level in values.items():
            if name not in self.levels:
                raise ColumnNotFound(name, self.graph.nodes, where="the variables of the network")
            if level not in self.levels[name]:
                raise ConfigError(f"{name} has no level {level!r}; its levels: {', '.join(self.levels[name])}.")
        return DiscreteNetwork(tuple(self._set(t, values[t.name]) if t.name in values else t for t in self.tables))

    def sample(self, n: int, context: RunContext = DEFAULT_CONTEXT) -> pa.Table:
        """Rows drawn from causes to effects, a column of level names for each variable.

        Args:
            n: number of rows, at least 1.
            context: the seed.

        Each variable draws from a stream with its name, so that no order of the tables changes the rows.
        """
        codes = self.sample_codes(n, context)
        columns = {t.name: np.array(t.levels, dtype=object)[codes[t.name]] for t in self.tables}
        return pa.table({name: pa.array(column, type=pa.string()) for name, column in columns.items()})

    def sample_codes(self, n: int, context: RunContext = DEFAULT_CONTEXT) -> dict[str, IntArray]:
        """The same rows as positions of levels, (n,) for each variable.

        >>> coin = DiscreteNetwork((ConditionalTable("coin", ("head", "tail"), (), np.array([0.5, 0.5])),))
        >>> int(coin.sample_codes(1_000)["coin"].sum())
        504
        """
        if n < 1:
            raise ConfigError(f"n is {n}; give 1 row or more.")
        of = {table.name: table for table in self.tables}
        drawn: dict[str, IntArray] = {}
        for name in self.graph.topological_order():
            table = of[name]
            rows = table.values[tuple(drawn[p] for p in table.parents)]
            steps = np.broadcast_to(rows.cumsum(axis=-1), (n, len(table.levels)))
            draw = context.rng("discrete network", name).random(n)
            drawn[name] = (draw[:, None] >= steps[:, :-1]).sum(axis=1)
        return {table.name: drawn[table.name] for table in self.tables}

    def probability(
        self,
        outcomes: Mapping[str, str],
        *,
        given: Mapping[str, str] | None = None,
        do: Mapping[str, str] | None = None,
    ) -> float:
        """The exact probability of levels given others, after an intervention, by variable elimination.

        Raises:
            ColumnNotFound, InputError: a name or level is unknown, or what is given is impossible.
            TooLarge: the network is too entangled.

        >>> coin = DiscreteNetwork((ConditionalTable("coin", ("head", "tail"), (), np.array([0.5, 0.5])),))
        >>> coin.probability({"coin": "head"})
        0.5
        """
        from dorec.simulate.fitted_model import FittedStructuralModel  # loaded on use: it imports this module

        return FittedStructuralModel.from_network(self).probability(outcomes, given=given, do=do)

    @staticmethod
    def _set(table: ConditionalTable, level: str) -> ConditionalTable:
        sure = np.array([float(own == level) for own in table.levels])
        return ConditionalTable(table.name, table.levels, (), sure)
