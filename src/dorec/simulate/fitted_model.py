"""A structural causal model with its mechanisms: what it says of seeing, of doing, and of the units that were seen."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from dorec.domain.bif import ConditionalTable
from dorec.domain.errors import ColumnNotFound, ConfigError, InputError, NotIdentifiable, TooFewUnits
from dorec.domain.estimate import Estimate
from dorec.domain.graph import CausalGraph
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.table import to_arrow
from dorec.domain.verdict import Verdict
from dorec.numeric.arrays import AnyArray, FloatArray
from dorec.simulate.counterfactuals import Counterfactuals, as_numbers, carry_over
from dorec.simulate.discrete_network import DiscreteNetwork
from dorec.simulate.exact_inference import causes_of, exact_mean, marginal
from dorec.simulate.goodness_of_fit import check_fit
from dorec.simulate.interventions import Do, Rule, plan, read_rules, visible_values
from dorec.simulate.mechanisms import Mechanism, TableMechanism, mechanism_from_parts
from dorec.simulate.support import BeyondSupport, Reach, verdicts_on_reach
from dorec.simulate.variables import Values, Variable

DEFAULT_CONTEXT = RunContext(seed=0)
FORMAT = "dorec structural model 1"
NO_INTERVAL = "it is exact under the model, whose own error it does not hold"


@dataclass(frozen=True, eq=False)
class FittedStructuralModel:
    """A graph, its variables and their mechanisms: a world whose truth can be asked, under its assumptions.

    Make one with `StructuralModel.fit`, or with `from_network` from a Bayesian network whose tables are known.

    Example:
        >>> cancer = DiscreteNetwork.from_bif('''
        ... variable smokes { type discrete [ 2 ] { no, yes }; }
        ... variable ill { type discrete [ 2 ] { no, yes }; }
        ... probability ( smokes ) { table 0.7, 0.3; }
        ... probability ( ill | smokes ) { (no) 0.99, 0.01; (yes) 0.95, 0.05; }''')
        >>> model = FittedStructuralModel.from_network(cancer)
        >>> round(model.probability({"ill": "yes"}), 4)
        0.022
        >>> round(model.probability({"smokes": "yes"}, given={"ill": "yes"}), 4)
        0.6818
    """

    graph: CausalGraph
    variables: Mapping[str, Variable]
    mechanisms: Mapping[str, Mechanism] = field(repr=False)
    n: int = 0  # rows it was fitted on
    verdicts: tuple[Verdict, ...] = ()

    def __post_init__(self) -> None:
        must_be_dag(self.graph)
        for name in self.graph.nodes:
            for parts in (self.variables, self.mechanisms):
                if name not in parts:
                    raise InputError(f"The model has no mechanism or no variable for {name}; give both for each node.")
            if set(self.mechanisms[name].parents) != self.graph.parents(name):
                raise InputError(f"The mechanism of {name} has other causes than the graph; fit it to this graph.")

    # -- seeing and doing -----------------------------------------------------------------------------------------

    def sample(self, n: int, do: "Do | None" = None, *, context: RunContext = DEFAULT_CONTEXT) -> pa.Table:
        """Rows of the model, or with `do` of the model in which variables are set from outside.

        Args:
            n: number of rows.
            do: variable -> a value; ("shift", amount) on top of what it would be; ("policy", {level: share}); an array
                with a value for each row; or a function of (values, rng), where `values` are the columns from before
                the decision and the variable's own natural value. Or `Intervention`s.
            context: the seed; each variable has a stream of its own, so that rows under two interventions are paired.

        Warns:
            BeyondSupport: more than a twentieth of the rows leave what was seen; `check_support` says where.
        """
        if n < 1:
            raise ConfigError(f"n is {n}; give 1 row or more.")
        values, reach = self._simulate(n, read_rules(do, self.variables), context)
        _warn(verdicts_on_reach(reach, self.variables))
        return pa.table({name: pa.array(self.variables[name].decode(values[name])) for name in self.graph.nodes})

    def check_support(self, do: "Do", *, n: int = 10_000, context: RunContext = DEFAULT_CONTEXT) -> tuple[Verdict, ...]:
        """For each variable that is acted on, whether data say anything about what is asked.

        The evidence is the share of units beyond: set to a value that was never seen at all (`outside`), never with
        causes like the unit's (`unlikely`), or that puts effects into combinations of causes no row has (`downstream`).

        Example:
            >>> from dorec.simulate import StructuralModel
            >>> rng = np.random.default_rng(0)
            >>> x = rng.uniform(size=500)
            >>> graph = CausalGraph.from_edges(["x", "y"], directed=[("x", "y")])
            >>> model = StructuralModel().fit(graph, {"x": x, "y": x + rng.normal(size=500)})
            >>> [model.check_support({"x": value})[0].status for value in (0.5, 2.0)]
            ['passed', 'failed']
        """
        _, reach = self._simulate(n, read_rules(do, self.variables), context)
        return verdicts_on_reach(reach, self.variables)

    def counterfactual(
        self, table: Any, do: "Do", *, n_draws: int = 100, context: RunContext = DEFAULT_CONTEXT
    ) -> Counterfactuals:
        """What the units of a table would have had, had variables been set otherwise.

        Exact for continuous variables. For discrete ones the noise behind what was seen is drawn from its posterior, in
        `n_draws` draws: read means over them (`mean`, `effect`), or look at the draws one by one (`table`).

        Args:
            table: a column for every variable of the model, a row for each unit.
            do: as in `sample`.
            n_draws: of the noise that the data leave open; one where there is none.
            context: the seed.

        Raises:
            ColumnNotFound, NotFinite, InputError: the table lacks a variable, a value, or has a level unknown to the
                model.
        """
        if n_draws < 1:
            raise ConfigError(f"n_draws is {n_draws}; give 1 or more.")
        arrow = to_arrow(table, self.graph.nodes)
        if not arrow.num_rows:
            raise TooFewUnits("the table has no rows", remedy="hand in the units that are asked about")
        factual = {name: self.variables[name].encode(arrow.column(name)) for name in self.graph.nodes}
        rules = read_rules(do, self.variables)
        found = carry_over(
            self.graph, self.variables, self.mechanisms, factual, rules, n_draws=n_draws, context=context
        )
        reach = Reach.of(rules, self.graph, self.variables, self.mechanisms, {k: v[0] for k, v in found.values.items()})
        verdicts = verdicts_on_reach(reach, self.variables)
        _warn(verdicts)
        return Counterfactuals(self.variables, factual, found.values, found.n_draws, found.exact, verdicts)

    # -- truth ----------------------------------------------------------------------------------------------------

    def mean(
        self,
        outcome: str,
        do: "Do | None" = None,
        *,
        level: object = None,
        n: int = 100_000,
        context: RunContext = DEFAULT_CONTEXT,
    ) -> Estimate:
        """The mean of a variable, or the probability of one of its levels, after an intervention.

        Exact where algebra gives it (tables; linear functions of them and of each other), else from `n` simulated
        units, with the error of the simulation. Neither holds the error of the fit: refit on bootstrap samples for it.
        """
        return self._means(outcome, [do], level, n, context, f"E[{outcome}]")

    def ate(
        self,
        treatment: str,
        outcome: str,
        *,
        arms: tuple[Any, Any] | None = None,
        level: object = None,
        n: int = 100_000,
        context: RunContext = DEFAULT_CONTEXT,
    ) -> Estimate:
        """The mean of the outcome with the treatment set to the second arm, less that with the first.

        Args:
            treatment: the variable that is set.
            outcome: the variable that is averaged; of a discrete one `level` says which level counts.
            arms: two values of the treatment; of one with two levels, these.
            level: of the outcome.
            n: simulated units where there is no exact answer, the same ones in both arms.
            context: the seed.

        Example:
            >>> t, y = ConditionalTable("t", ("a", "b"), (), np.array([0.5, 0.5])), np.array([[0.9, 0.1], [0.4, 0.6]])
            >>> network = DiscreteNetwork((t, ConditionalTable("y", ("no", "yes"), ("t",), y)))
            >>> round(FittedStructuralModel.from_network(network).ate("t", "y", level="yes").value, 3)
            0.5
        """
        self._known(treatment)
        levels = self.variables[treatment].levels
        if arms is None and len(levels) != 2:
            raise InputError(f"{treatment} has no two levels by itself; give arms=(from, to).")
        low, high = arms if arms is not None else levels
        name = f"ATE of {treatment} on {outcome}"
        return self._means(outcome, [{treatment: low}, {treatment: high}], level, n, context, name)

    def probability(
        self,
        outcomes: Mapping[str, Any],
        *,
        given: Mapping[str, Any] | None = None,
        do: Mapping[str, Any] | None = None,
    ) -> float:
        """The exact probability that variables take these levels, given others, after an intervention.

        Raises:
            InputError: a variable that matters has no table, a level is unknown, or what is given is impossible.
            TooLarge: the model is too entangled for an exact answer.
        """
        codes = {name: self._known(name).code(value) for name, value in outcomes.items()}
        share = self.distribution(list(outcomes), given=given, do=do)
        return float(share[tuple(codes.values())])

    def distribution(
        self, names: list[str], *, given: Mapping[str, Any] | None = None, do: Mapping[str, Any] | None = None
    ) -> FloatArray:
        """The exact joint distribution of variables, with a dimension for each, in the order of its levels."""
        evidence, set_to = (
            {name: self._known(name).code(value) for name, value in (said or {}).items()} for said in (given, do)
        )
        tables = {name: (m.parents, m.values) for name, m in self.mechanisms.items() if isinstance(m, TableMechanism)}
        for name in names:
            self._known(name)
        parents = {name: mechanism.parents for name, mechanism in self.mechanisms.items()}
        for name in sorted(causes_of(parents, [*names, *evidence], set_to) - set(set_to)):
            if name not in tables:
                raise InputError(
                    f"{name} has no table, so there is no exact answer; count in `sample(n, do=...)` instead."
                )
        return marginal(tables, names, evidence, set_to)

    def study(self, treatment: str, outcome: str, n: int = 10_000, *, context: RunContext = DEFAULT_CONTEXT) -> Study:
        """A simulated study of a question whose answer `ate` gives: what estimators are judged by.

        Its covariates are all variables that the treatment and the outcome have no part in. A discrete outcome must
        have numbers for levels.
        """
        for name in (treatment, outcome):
            self._known(name)
        after = self.graph.descendants([treatment, outcome])
        table = self.sample(n, context=context)
        values = self.variables[outcome].encode(table.column(outcome))
        table = table.set_column(
            table.column_names.index(outcome), outcome, pa.array(as_numbers(self.variables[outcome], values))
        )
        covariates = [name for name in self.graph.nodes if name not in after]
        return Study.from_table(table, outcome=outcome, treatment=treatment, covariates=covariates)

    def check(
        self, table: Any, *, alpha: float = 0.05, max_rows: int = 500, context: RunContext = DEFAULT_CONTEXT
    ) -> tuple[Verdict, ...]:
        """Whether rows that the model hasn't seen look like its own; see `goodness_of_fit.check_fit`."""
        arrow = to_arrow(table, self.graph.nodes)
        values = {name: self.variables[name].encode(arrow.column(name)) for name in self.graph.nodes}
        m = min(max_rows, arrow.num_rows)
        if m < 20:
            raise TooFewUnits(f"{m} rows are too few for a check", remedy="hold out 20 rows or more")
        some = context.rng("check", "rows").permutation(arrow.num_rows)[:m]
        made, _ = self._simulate(m, {}, context)
        held = {name: v[some] for name, v in values.items()}
        return check_fit(self.graph, self.variables, self.mechanisms, held, made, alpha)

    # -- keeping --------------------------------------------------------------------------------------------------

    @classmethod
    def from_network(cls, network: DiscreteNetwork) -> "FittedStructuralModel":
        """The model of a Bayesian network of discrete variables; every combination of causes counts as seen."""
        variables = {t.name: Variable(t.name, t.levels, 0.0, len(t.levels) - 1.0) for t in network.tables}
        found: dict[str, Mechanism] = {}
        for t in network.tables:
            order = sorted(range(len(t.parents)), key=t.parents.__getitem__)
            values = t.values.transpose([*order, len(order)])
            found[t.name] = TableMechanism(tuple(t.parents[i] for i in order), values, np.ones(values.shape[:-1]))
        return cls(network.graph, variables, found)

    @cached_property
    def network(self) -> DiscreteNetwork:
        """The model as a Bayesian network.

        Raises:
            InputError: a mechanism is no table.
        """
        tables = []
        for name in self.graph.nodes:
            mechanism = self.mechanisms[name]
            if not isinstance(mechanism, TableMechanism):
                raise InputError(f"{name} has the mechanism {mechanism.kind!r}; only tables make a Bayesian network.")
            levels = tuple(str(level) for level in self.variables[name].levels)
            tables.append(ConditionalTable(name, levels, mechanism.parents, mechanism.values))
        return DiscreteNetwork(tuple(tables))

    def to_bif(self) -> str:
        """The model as BIF text, every probability to its last digit; levels become text.

        Raises:
            InputError: a mechanism is no table, or a name can't stand in BIF.
        """
        return self.network.to_bif()

    def to_parts(self) -> tuple[dict[str, Any], dict[str, AnyArray]]:
        """Plain data for JSON and arrays for safetensors: all of the model, and nothing that runs on loading.

        Example:
            >>> from dorec.simulate import StructuralModel
            >>> graph = CausalGraph.from_edges(["x", "y"], directed=[("x", "y")])
            >>> model = StructuralModel().fit(graph, {"x": [0, 1] * 10, "y": [0, 1, 1, 1] * 5})
            >>> again = FittedStructuralModel.from_parts(*model.to_parts())
            >>> again.sample(100).equals(model.sample(100))
            True
        """
        plain_parts, arrays = {}, {}
        for i, name in enumerate(self.graph.nodes):
            plain_parts[name], own = self.mechanisms[name].to_parts()
            arrays.update({f"{i}/{key}": np.ascontiguousarray(array) for key, array in own.items()})
        data = {
            "format": FORMAT,
            "graph": self.graph.to_dict(),
            "variables": [self.variables[name].to_dict() for name in self.graph.nodes],
            "mechanisms": plain_parts,
            "n": self.n,
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
        }
        return data, arrays

    @classmethod
    def from_parts(cls, data: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> "FittedStructuralModel":
        """The model that `to_parts` took apart.

        Raises:
            InputError: the parts are those of no model.
        """
        if data.get("format") != FORMAT:
            raise InputError(f"This is {data.get('format')!r}, not {FORMAT!r}; fit the model again.")
        try:
            graph = CausalGraph.from_dict(data["graph"])
            variables = {v["name"]: Variable.from_dict(v) for v in data["variables"]}
            mechanisms = {}
            for i, name in enumerate(graph.nodes):
                start = f"{i}/"
                own = {key[len(start) :]: array for key, array in arrays.items() if key.startswith(start)}
                mechanisms[name] = mechanism_from_parts(data["mechanisms"][name], own)
            verdicts = tuple(Verdict(**verdict) for verdict in data["verdicts"])
            return cls(graph, variables, mechanisms, int(data["n"]), verdicts)
        except (KeyError, TypeError, ValueError) as problem:
            raise InputError(f"These parts are those of no structural model ({problem}); fit it again.") from None

    # -- inside ---------------------------------------------------------------------------------------------------

    def _known(self, name: str) -> Variable:
        if name not in self.variables:
            raise ColumnNotFound(name, self.graph.nodes, where="the variables of the model")
        return self.variables[name]

    def _simulate(self, n: int, rules: Mapping[str, Rule], context: RunContext) -> tuple[Values, Reach]:
        order, visible = plan(self.graph, rules)
        values: Values = {}
        for name in context.track(order, "simulate", len(order)):
            rule, mechanism = rules.get(name), self.mechanisms[name]
            natural = None
            if rule is None or rule.needs_natural:
                rng = context.rng("structural model", name)
                natural = mechanism.draw([values[p] for p in mechanism.parents], n, rng)
            if rule is None and natural is not None:
                values[name] = natural
            elif rule is not None:
                seen = visible_values(values, visible.get(name, ()), self.variables)
                values[name] = rule.apply(self.variables[name], natural, seen, n, context.rng("policy", name))
        return values, Reach.of(rules, self.graph, self.variables, self.mechanisms, values)

    def _means(
        self, outcome: str, arms: Sequence["Do | None"], level: object, n: int, context: RunContext, name: str
    ) -> Estimate:
        """The mean under the last arm, less that under the first where there are two."""
        if n < 2:
            raise ConfigError(f"n is {n}; give 2 simulated units or more.")
        variable = self._known(outcome)
        of_levels = as_numbers(variable, np.arange(len(variable.levels)), level)
        rules = [read_rules(do, self.variables) for do in arms]
        reaches = [self._simulate(10_000, arm, context)[1] for arm in rules if arm]
        verdicts = tuple(v for reach in reaches for v in verdicts_on_reach(reach, self.variables) if not v)
        exact = [self._exact_mean(outcome, of_levels, arm) for arm in rules]
        if all(mean is not None for mean in exact):
            first, last = [0.0, *(mean for mean in exact if mean is not None)][-2:]
            return Estimate(last - first, name=name, method="exact", no_interval=NO_INTERVAL, verdicts=verdicts)
        draws = [as_numbers(variable, self._simulate(n, arm, context)[0][outcome], level) for arm in rules]
        scores = draws[-1] - draws[0] if len(draws) > 1 else draws[0]
        return Estimate.of_mean(scores, name=name, method=f"{n:,} simulated units", verdicts=verdicts)

    def _exact_mean(self, outcome: str, of_levels: FloatArray, rules: Mapping[str, Rule]) -> float | None:
        if any(rule.kind != "constant" for rule in rules.values()):
            return None
        numbers = {v.name: np.arange(len(v.levels), dtype=np.float64) for v in self.variables.values() if v.levels}
        if outcome in numbers:
            numbers[outcome] = of_levels
        return exact_mean(self.mechanisms, numbers, outcome, {name: rule.value for name, rule in rules.items()})


def _warn(verdicts: tuple[Verdict, ...]) -> None:
    for verdict in verdicts:
        if verdict.status != "passed":
            warnings.warn(f"{verdict.check}: {verdict.meaning} {verdict.remedy}", BeyondSupport, stacklevel=3)


def must_be_dag(graph: CausalGraph) -> None:
    """Refuse graphs whose nodes have no mechanism: with hidden common causes, or edges without a direction.

    Raises:
        NotIdentifiable: with the edges and what to do.
    """
    if graph.bidirected:
        a, b = graph.bidirected[0]
        raise NotIdentifiable(
            f"{a} <-> {b}: a hidden cause of both can't be fitted from what was seen",
            remedy=f"measure what causes both {a} and {b} and add it as a node, or ask `identify` for single effects",
            evidence={"bidirected": [list(pair) for pair in graph.bidirected]},
        )
    if not graph.is_dag:
        open_ = [str(e) for e in graph.edges if {e.mark_a, e.mark_b} != {"tail", "arrow"}]
        raise NotIdentifiable(
            f"{open_[0]} has no direction, so neither end has a mechanism",
            remedy="orient every edge first: by knowledge, by an experiment, or take one DAG of the class at a time",
            evidence={"edges": open_},
        )
