"""How far an intervention leaves the data: what a model says there is its form speaking, not what was seen."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dorec.domain.graph import CausalGraph
from dorec.domain.verdict import Status, Verdict
from dorec.numeric.arrays import BoolArray
from dorec.simulate.interventions import Rule
from dorec.simulate.mechanisms import Mechanism, TableMechanism
from dorec.simulate.variables import Values, Variable

TOLERATED = 0.05  # share of units beyond the data that goes without a warning


class BeyondSupport(UserWarning):
    """An intervention goes where the data say nothing."""


@dataclass(frozen=True, eq=False)
class Reach:
    """For each variable that is acted on, the share of units beyond the data, by reason."""

    outside: Mapping[str, float]  # a value that no unit had
    unlikely: Mapping[str, float]  # a value that no unit with such causes had
    downstream: Mapping[str, float]  # an effect's combination of causes is in no row
    beyond: Mapping[str, float]  # any of them

    @classmethod
    def of(
        cls,
        rules: Mapping[str, Rule],
        graph: CausalGraph,
        variables: Mapping[str, Variable],
        mechanisms: Mapping[str, Mechanism],
        values: Values,
    ) -> "Reach":
        """The shares among units with these values, (n,) for each variable."""
        shares: dict[str, dict[str, float]] = {key: {} for key in ("outside", "unlikely", "downstream", "beyond")}
        for name in rules:
            variable, mechanism, value = variables[name], mechanisms[name], values[name]
            outside: BoolArray = (value < variable.low) | (value > variable.high)
            unlikely = ~mechanism.reaches(value, [values[p] for p in mechanism.parents]) & ~outside
            empty = np.zeros(len(value), dtype=bool)
            for child in sorted(graph.descendants([name]) - set(rules)):
                effect = mechanisms[child]
                if isinstance(effect, TableMechanism) and effect.parents:
                    empty |= ~effect.covers([values[p] for p in effect.parents])
            every = {
                "outside": outside,
                "unlikely": unlikely,
                "downstream": empty,
                "beyond": outside | unlikely | empty,
            }
            for key, where in every.items():
                shares[key][name] = float(where.mean())
        return cls(**shares)


def verdicts_on_reach(reach: Reach, variables: Mapping[str, Variable]) -> tuple[Verdict, ...]:
    """One verdict for each variable that is acted on.

    >>> reach = Reach({"x": 0.0}, {"x": 0.2}, {"x": 0.0}, {"x": 0.2})
    >>> verdicts_on_reach(reach, {"x": Variable("x", (), 0.0, 1.0)})[0].status
    'warning'
    """
    found = []
    for name, beyond in reach.beyond.items():
        status: Status = "passed" if beyond <= TOLERATED else "warning" if beyond < 0.5 else "failed"
        variable = variables[name]
        seen = ", ".join(map(str, variable.levels)) if variable.levels else f"{variable.low:.4g} to {variable.high:.4g}"
        parts = {
            "are set outside of what was seen": reach.outside[name],
            "get a value that units with such causes never had": reach.unlikely[name],
            "come to combinations of causes that no row has": reach.downstream[name],
        }
        said = "; ".join(f"{share:.0%} {what}" for what, share in parts.items() if share > 0)
        found.append(
            Verdict(
                check=f"support of do({name})",
                status=status,
                code="" if status == "passed" else "beyond_support",
                statistic=beyond,
                meaning=f"of the units, {said} ({name} was seen at {seen})."
                if said
                else f"{name} stays within the data.",
                remedy=""
                if status == "passed"
                else "There the form of the model speaks, not the data: "
                "ask for values that such units had, or run an experiment.",
                evidence={
                    "share_beyond": beyond,
                    "share_outside": reach.outside[name],
                    "share_unlikely": reach.unlikely[name],
                    "share_downstream": reach.downstream[name],
                },
            )
        )
    return tuple(found)
