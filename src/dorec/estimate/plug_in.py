"""PlugIn: any identified formula, evaluated on the shares of a table of classes."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dorec.domain.errors import InputError, NoInterval, TooLarge
from dorec.domain.estimand import Estimand
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.expression import Joint
from dorec.domain.regime import OBSERVED
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.average_effect import check_arms_of, checked_covariates, few_clusters_dof, one_column, weight_of
from dorec.estimate.classes import (
    Classes,
    check_cells,
    check_defined,
    classes_of,
    columns_of,
    condition_labels,
    cut,
)
from dorec.estimate.cross_fitting import Units, units_of
from dorec.estimate.diagnostics import influence_verdict, repeated_verdicts
from dorec.numeric.arrays import FloatArray
from dorec.numeric.infinitesimal_jackknife import influence_of_cells

DEFAULT_CONTEXT = RunContext()
MAX_WORK = 2_000_000_000  # cells of the joint times kinds of units: about a minute


@dataclass(frozen=True, kw_only=True)
class PlugIn:
    """The effect that a formula of the complete ID algorithm gives (Tian, Pearl 2002; Shpitser, Pearl 2006), by shares.

    Every variable of the formula but the outcome is a class of few levels; shares of the table stand in for
    probabilities. The outcome may be any number: scaled to 0..1 it counts as that share of a unit of outcome 1, which
    leaves every mean and every effect on it as they are. Errors come from the influence of each kind of unit
    (infinitesimal jackknife), by cluster where the study has clusters.

    Args:
        estimand: the identified query; its formula draws on the observed population alone.
        max_levels: a variable with more different values is refused, unless `bins` is given.
        bins: cut such numeric variables at their quantiles into so many classes; the effect is then that of the
            classes, and a verdict says so.
        min_per_cell: units that each arm must have in each class that the formula compares arms in.

    Example:
        >>> from dorec.domain.expression import Probability, Product, Sum
        >>> from dorec.domain.query import CausalQuery
        >>> adjusted = Sum(("z",), Product((Probability(("y",), ("t", "z")), Probability(("z",)))))
        >>> estimand = Estimand(query=CausalQuery("t", "y"), strategy="general", expression=adjusted)
        >>> rng = np.random.default_rng(0)
        >>> z = rng.integers(0, 2, 4000)
        >>> t = (rng.random(4000) < 0.3 + 0.4 * z).astype(int)
        >>> table = {"z": z, "t": t, "y": t + 2 * z + rng.normal(size=4000)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["z"])
        >>> effect = PlugIn(estimand=estimand).fit(study).ate()
        >>> abs(effect.value - 1.0) < 3 * effect.std_error, round(effect.std_error, 3)
        (True, 0.035)
    """

    estimand: Estimand
    max_levels: int = 20
    bins: int | None = None
    min_per_cell: int = 5

    def __post_init__(self) -> None:
        if self.bins is not None and not 2 <= self.bins <= self.max_levels:
            raise InputError(f"bins is {self.bins}; give 2 to max_levels, which is {self.max_levels}.")
        other = [regime for regime in self.estimand.regimes if regime != OBSERVED]
        if other:
            raise InputError(
                f"The formula draws on {', '.join(map(str, other))}; a plug-in from one table needs a formula of the "
                "observed population alone."
            )

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "PlugInModel":
        """Shares of the table, the formula's value on them, and the influence of each kind of unit.

        Raises:
            ColumnNotFound: a variable of the formula is no column of the study.
            InputError: a variable has too many levels.
            NoOverlap: the formula compares arms in a class that lacks one of them.
            TooLarge: the classes are too many to count.
            NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedOutcome, LeakedTreatment: the table can't be used.
        """
        units = units_of(study)
        check_arms_of(study, units, 2 * self.min_per_cell)
        classes, binned = self._classes(study)
        check_cells(self.estimand, study, classes, self.min_per_cell)
        value, influence = self._evaluated(study, classes, context)
        return PlugInModel(
            learner=self,
            study=study,
            units=units,
            value=value,
            influence=influence,
            conditions=condition_labels(classes, self.estimand.query.conditions),
            binned=binned,
            context=context,
            estimand=str(self.estimand),
        )

    def _classes(self, study: Study) -> tuple[dict[str, Classes], tuple[str, ...]]:
        """The class of each unit in each variable of the formula but the outcome, and which columns were cut."""
        query = self.estimand.query
        outcome, treatment = study.outcome_name, study.treatment_name
        wanted = sorted((self.estimand.expression.variables | {*query.conditions}) - {outcome, treatment})
        found = {treatment: Classes(study.treatment, len(study.arms), tuple(map(str, study.arms)))}
        binned = []
        for name in wanted:
            columns = columns_of(study, name)
            classes = classes_of(study.covariates[:, columns], [study.covariate_names[j] for j in columns])
            if classes.count > self.max_levels:
                if self.bins is None or len(columns) > 1:
                    raise InputError(
                        f"{name!r} has {classes.count:,} different values; {self.estimand} is counted out over "
                        f"classes, at most {self.max_levels} each. Group them, or give bins=5 for a numeric column."
                    )
                classes = cut(study.covariates[:, columns[0]], self.bins)
                binned.append(name)
            found[name] = classes
        return found, tuple(binned)

    def _evaluated(
        self, study: Study, classes: dict[str, Classes], context: RunContext
    ) -> tuple[FloatArray, FloatArray]:
        """Mean outcomes by arm and condition (m,), and their influences (n, m)."""
        names = tuple(classes)
        shape = tuple(classes[name].count for name in names)
        cell = np.ravel_multi_index([classes[name].of for name in names], shape)
        kinds, of = np.unique(cell, return_inverse=True)
        size = float(np.prod(shape, dtype=np.float64))
        if size * len(kinds) > MAX_WORK:
            raise TooLarge(
                f"the formula's variables have {size:,.0f} combinations of classes, {len(kinds):,} of which occur",
                remedy="group the levels of " + ", ".join(names[1:]),
                evidence={"levels": dict(zip(names, shape, strict=True))},
            )
        weight = weight_of(study)
        low, spread = float(study.outcome.min()), float(np.ptp(study.outcome))
        share = (study.outcome - low) / (spread or 1.0)  # of a unit with outcome 1, the rest of it has outcome 0
        mass = [np.bincount(of, weights=weight * part) / weight.sum() for part in (1.0 - share, share)]
        p = np.zeros((2, int(size)))
        p[:, kinds] = mass
        table = (study.outcome_name, *names)

        def functional(shares: FloatArray) -> FloatArray:
            joint = Joint(table, shares.reshape(2, *shape))
            return np.asarray(self.estimand.evaluate(joint)[1]).ravel()

        value = functional(p)
        check_defined(self.estimand, functional, p, value, context.rng("plug-in", "empty classes"))
        influence = np.zeros((2, len(kinds), len(value)))
        for y in (0, 1):
            there = np.flatnonzero(mass[y] > 0)
            if not len(there):  # the outcome is the same for all
                continue
            cells = context.track(y * p.shape[1] + kinds[there], "influence of each kind of unit", len(there))
            influence[y, there] = influence_of_cells(functional, p, cells)
        mixed = (1.0 - share)[:, None] * influence[0, of] + share[:, None] * influence[1, of]
        return low + spread * value, spread * weight[:, None] * mixed


@dataclass(frozen=True, kw_only=True, eq=False)
class PlugInModel:
    """A formula's value on a study; made by `PlugIn`.

    Example:
        >>> from dorec.domain.expression import Probability
        >>> from dorec.domain.query import CausalQuery
        >>> estimand = Estimand(query=CausalQuery("t", "y"), strategy="general", expression=Probability(("y",), ("t",)))
        >>> table = {"t": np.arange(200) % 2, "y": np.arange(200) % 2 + np.sin(np.arange(200.0))}
        >>> model = PlugIn(estimand=estimand).fit(Study.from_table(table, outcome="y", treatment="t"))
        >>> round(model.ate().value, 2), model.arm_means().name
        (1.0, ('mean if 0', 'mean if 1'))
    """

    learner: PlugIn
    study: Study
    units: Units
    value: FloatArray  # (arms x conditions,)
    influence: FloatArray = field(repr=False)  # (n, arms x conditions)
    conditions: tuple[str, ...]  # "age=1, sex=0" for each level of the query's conditions; ("",) without
    binned: tuple[str, ...]
    context: RunContext = field(repr=False)
    estimand: str = ""

    @property
    def arms(self) -> tuple[Any, ...]:
        """The arms, the reference first."""
        return self.study.arms

    def ate(self) -> Estimate:
        """Each arm against the first, within each level of the query's conditions: scalar where it is one number."""
        c = len(self.conditions)
        names = tuple(f"{arm} - {self.arms[0]}{within}" for arm in self.arms[1:] for within in self.conditions)
        base = np.tile(self.value[:c], len(self.arms) - 1), np.tile(self.influence[:, :c], len(self.arms) - 1)
        value, influence = self.value[c:] - base[0], self.influence[:, c:] - base[1]
        single = len(names) == 1
        return self._estimate(
            float(value[0]) if single else value,
            influence[:, 0] if single else influence,
            names[0] if single else names,
            self.verdicts,
        )

    def arm_means(self) -> Estimate:
        """Mean outcome had everyone been in each arm, (k,), within each level of the query's conditions."""
        names = tuple(f"mean if {arm}{within}" for arm in self.arms for within in self.conditions)
        return self._estimate(self.value, self.influence, names, ())

    @property
    def scores(self) -> FloatArray:
        """The score of each unit, (n, k): its column means are the arm means."""
        return np.asarray(self.value + self.influence)

    def effect(self, covariates: FloatArray) -> FloatArray:
        """The average effect for each row of covariates (n, p): the formula does not tell units apart."""
        rows = len(checked_covariates(self.study, covariates))
        return one_column(np.tile(np.atleast_1d(self.ate().value), (rows, 1)))

    def interval(self, covariates: FloatArray, level: float = 0.95) -> Interval:
        """Refused: the formula has no effects at a point."""
        del covariates, level
        raise NoInterval("the formula has one effect for all units", remedy="take ate(), or ask for P(y | do(t), c)")

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Which columns were cut into classes, units that dominate, repeated units."""
        cut = None
        if self.binned:
            cut = Verdict(
                check="classes",
                status="warning",
                code="binned",
                meaning=f"{', '.join(self.binned)} was cut into {self.learner.bins} classes at its quantiles: what "
                "varies within a class is not accounted for",
                remedy="See whether more classes change the result.",
            )
        c = len(self.conditions)
        contrasts = self.influence[:, c:] - np.tile(self.influence[:, :c], len(self.arms) - 1)
        found = (cut, influence_verdict(contrasts, self.units.groups))
        return (*(v for v in found if v is not None), *repeated_verdicts(self.study, self.units))

    def _estimate(
        self, value: Any, influence: FloatArray, name: str | tuple[str, ...], verdicts: tuple[Verdict, ...]
    ) -> Estimate:
        return Estimate(
            value,
            influence,
            name=name,
            method="plug-in",
            estimand=self.estimand,
            sample=self.study.sample,
            cluster=self.units.cluster,
            dof=few_clusters_dof(self.units.cluster),
            verdicts=verdicts,
        )
