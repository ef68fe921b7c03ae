"""Attacks on a right and on wrong analyses: one test file for the small files of the room."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import Estimate, RunContext, Study
from dorec.domain.errors import ArmTooSmall, InputError
from dorec.domain.protocols import Refuter
from dorec.domain.run import Silent
from dorec.estimate import AIPW, naive_difference
from dorec.refute import (
    DEFAULT_REFUTERS,
    DataSubset,
    Overlap,
    PlaceboTreatment,
    RandomCommonCause,
    Sensitivity,
    refute_all,
)
from dorec.refute.attack import at_most, part_of
from dorec.refute.placebo import shuffle

CHEAP = AIPW(n_folds=3, outcome_model=LinearRegression(), propensity_model=LogisticRegression())


def study(seed: int = 0, n: int = 500, k: int = 2, **roles: object) -> Study:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    cuts = np.zeros(1) if k == 2 else np.linspace(-1.0, 1.0, k - 1)
    t = (x + rng.normal(size=n) * 2 > cuts[:, None]).sum(axis=0)
    table = {"x": x, "z": rng.normal(size=n), "t": t, "y": t + x + rng.normal(size=n)}
    return replace(
        Study.from_table(table, outcome="y", treatment="t", covariates=["x", "z"]),
        **roles,  # type: ignore[arg-type]
    )


@dataclass(frozen=True)
class Broken:
    """Wraps a right model and spoils its average effect."""

    bias: float = 0.0
    narrow: float = 1.0
    noise: float = 0.0

    def fit(self, data: Study, *, context: RunContext | None = None) -> "Broken.Model":
        del context
        rng = np.random.default_rng(abs(hash(data.covariates.tobytes())) % 2**32)
        return Broken.Model(naive_difference(data) * 1.0, self, float(rng.normal()))

    @dataclass(frozen=True)
    class Model:
        right: Estimate
        spoilt: "Broken"
        draw: float

        def ate(self) -> Estimate:
            shifted = self.right + self.spoilt.bias + self.spoilt.noise * self.draw
            return replace(shifted, influence=self.right.influence * self.spoilt.narrow)


def test_a_right_analysis_survives_everything() -> None:
    s = study(seed=1)
    verdicts = refute_all(s, CHEAP, CHEAP.fit(s).ate())
    assert len(verdicts) == len(DEFAULT_REFUTERS)
    assert [v.check for v in verdicts] == [
        "placebo treatment",
        "dummy outcome",
        "random common cause",
        "data subset",
        "balance",
        "overlap",
        "sensitivity",
        "tipping point",
    ]
    page = str(verdicts).splitlines()
    assert len(page) <= 60
    assert max(map(len, page)) <= 110
    assert page[-1] == "8 passed, 0 warnings, 0 failed"
    assert verdicts.rows()[0]["p_value"] == verdicts[0].p_value
    assert all(verdicts), [str(v) for v in verdicts]
    assert all(v.p_value is None or 0 <= v.p_value <= 1 for v in verdicts)


@pytest.mark.parametrize(
    ("refuter", "k"),
    [
        (PlaceboTreatment(n_runs=2), 2),
        (PlaceboTreatment(n_runs=1), 3),
        (DataSubset(n_runs=2), 2),
        (RandomCommonCause(n_runs=1), 2),
    ],
)
def test_false_alarms_stay_at_the_level(refuter: Refuter, k: int) -> None:
    learner = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())
    p = []
    for rep in range(40):
        s = study(seed=rep, n=300, k=k)
        estimate = learner.fit(s).ate()
        p.append(refuter.refute(s, learner, estimate, RunContext(seed=rep)).p_value)
    assert np.sum(np.array(p) < 0.05) <= 6  # of 40; at the 5% level more come by chance in 0.3% of the cases
    if not isinstance(refuter, RandomCommonCause):
        assert stats.kstest(p, "uniform").pvalue > 1e-3


def test_placebo_finds_a_bias_and_a_narrow_interval() -> None:
    s = study(n=1_000)
    for learner in (Broken(bias=0.5), Broken(narrow=0.2)):
        verdict = PlaceboTreatment().refute(s, learner, learner.fit(s).ate())
        assert verdict.status == "failed"
        assert verdict.code == "placebo_effect"
        assert verdict.remedy


def test_placebo_uses_fresh_propensities() -> None:
    seen = []

    class Spy:
        def fit(self, data: Study, *, context: RunContext) -> object:
            seen.append(data)
            return CHEAP.fit(data, context=context)

    s = study(propensity=None)
    e = CHEAP.fit(s).nuisances.propensity
    for known in (None, e):
        s = replace(s, propensity=known)
        PlaceboTreatment(n_runs=1).refute(s, Spy(), naive_difference(s))
    share = np.bincount(s.treatment) / s.n
    assert seen[0].propensity is None
    np.testing.assert_allclose(seen[1].propensity, np.tile(share, (s.n, 1)))
    assert (seen[0].treatment != s.treatment).any()
    assert (np.bincount(seen[0].treatment) == np.bincount(s.treatment)).all()


def test_shuffle_keeps_clusters_whole() -> None:
    s = study(n=300)
    cluster = np.repeat(np.arange(60), 5)
    by_cluster = replace(s, cluster=cluster, treatment=np.repeat(np.arange(60) % 2, 5))
    shuffled = shuffle(by_cluster, np.random.default_rng(0)).reshape(60, 5)
    assert (shuffled == shuffled[:, :1]).all()
    assert shuffled[:, 0].sum() == 30
    part = part_of(by_cluster, 0.5, np.random.default_rng(0))
    assert part.n == 150
    assert all(np.sum(part.cluster == c) == 5 for c in np.unique(part.cluster))


def test_noise_and_subsets_find_an_unstable_estimator() -> None:
    s, learner = study(n=1_000), Broken(noise=1.0)
    estimate = learner.fit(s).ate()
    assert RandomCommonCause().refute(s, learner, estimate).status == "failed"
    assert DataSubset().refute(s, learner, estimate).status == "failed"


def test_large_studies_are_attacked_in_part() -> None:
    s = study(n=3_000)
    assert at_most(s, 1_000, RunContext()).n == 1_000
    assert at_most(s, None, RunContext()) is s
    verdict = RandomCommonCause(max_units=400).refute(s, CHEAP, naive_difference(s))
    assert verdict.evidence["n_units"] == 400


def test_an_attack_that_cannot_run_says_so() -> None:
    s = study(n=60)
    learner = AIPW(n_folds=2, min_per_fold=10, outcome_model=LinearRegression(), propensity_model=LogisticRegression())
    (verdict,) = refute_all(s, learner, learner.fit(s).ate(), refuters=[DataSubset()])
    assert (verdict.status, verdict.code, verdict.check) == ("warning", ArmTooSmall.code, "data subset")
    assert "could not be run" in verdict.meaning


def test_progress_is_shown() -> None:
    labels: list[str] = []

    class Loud(Silent):
        def track(self, items: object, *, label: str, total: int | None) -> Iterator[object]:
            labels.append(f"{label} {total}")
            yield from items  # type: ignore[misc]

    s = study()
    refute_all(s, CHEAP, CHEAP.fit(s).ate(), context=RunContext(progress=Loud()))
    assert {"refuting 8", "placebo treatment 5", "random common cause 2", "data subset 3"} <= set(labels)


def test_overlap_without_a_verdict_of_the_estimator() -> None:
    bare = replace(study(), sample="s")
    assert Overlap().refute(bare, CHEAP, naive_difference(bare)).status == "passed"
    sharp = study()
    sharp = replace(sharp, treatment=(sharp.covariates[:, 0] + 0.01 * sharp.covariates[:, 1] > 0).astype(np.int64))
    verdict = Overlap().refute(sharp, CHEAP, naive_difference(sharp))
    assert verdict.status == "failed"
    assert verdict.code == "no_overlap"
    known = replace(study(), propensity=np.tile([0.5, 0.5], (500, 1)))
    assert Overlap().refute(known, CHEAP, naive_difference(known)).statistic == pytest.approx(1.0)


def test_subset_needs_a_fraction() -> None:
    with pytest.raises(InputError, match="fraction"):
        DataSubset(fraction=1.0)


class TestSensitivity:
    """Published figures, and what is said about them."""

    def test_risk_ratio_of_a_binary_outcome(self) -> None:
        # 40 of 100 against 20 of 100: RR 2 and E-value 2 + sqrt(2)
        table = {"t": np.repeat([0, 1], 100), "y": np.r_[np.arange(100) < 20, np.arange(100) < 40].astype(float)}
        s = Study.from_table(table, outcome="y", treatment="t")
        (row,) = Sensitivity().refute(s, CHEAP, naive_difference(s)).evidence["contrasts"]
        assert row["scale"] == "risk ratio"
        assert row["risk_ratio"] == pytest.approx(2.0)
        assert row["e_value"] == pytest.approx(2 + np.sqrt(2))
        assert 1 < row["e_value_limit"] < row["e_value"]

    def test_standardised_difference(self) -> None:
        s = study()
        estimate = replace(naive_difference(s), value=0.5 * s.outcome.std())
        (row,) = Sensitivity().refute(s, CHEAP, estimate).evidence["contrasts"]
        assert row["risk_ratio"] == pytest.approx(np.exp(0.455))
        assert row["e_value"] == pytest.approx(2.53, abs=0.01)

    def test_what_it_says(self) -> None:
        s = study()
        strong = CHEAP.fit(s).ate()
        null = replace(strong, value=0.0)
        assert Sensitivity().refute(s, CHEAP, null).code == "interval_includes_zero"
        assert Sensitivity().refute(s, CHEAP, strong).evidence["strongest_covariate"]["name"] == "x"
        faint = replace(strong, value=2.2 * strong.std_error)
        verdict = Sensitivity().refute(s, CHEAP, faint)
        assert verdict.code == "sensitive_to_confounding"
        assert "'x'" in verdict.meaning
        known = replace(s, propensity=np.tile([0.5, 0.5], (s.n, 1)))
        assert Sensitivity().refute(known, CHEAP, faint).status == "passed"

    def test_negative_effects_mirror_positive_ones(self) -> None:
        s = study()
        e = CHEAP.fit(s).ate()
        mirrored = Sensitivity().refute(s, CHEAP, -e).evidence["contrasts"][0]
        straight = Sensitivity().refute(s, CHEAP, e).evidence["contrasts"][0]
        assert mirrored["e_value"] == pytest.approx(straight["e_value"])
        assert mirrored["e_value_limit"] == pytest.approx(straight["e_value_limit"])
