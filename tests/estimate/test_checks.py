"""Refusals before numbers: the estimation cases of the nasty inputs, and the lines between near cases."""

import json
from pathlib import Path

import numpy as np
import pytest

from dorec import Study
from dorec.domain.errors import (
    ArmTooSmall,
    BadPropensity,
    InputError,
    LeakedOutcome,
    LeakedTreatment,
    MeasuredAfterTreatment,
    NoOverlap,
    NotFinite,
    OneArm,
    PostTreatmentCovariate,
    TooFewUnits,
)
from dorec.estimate import AIPW, naive_difference
from dorec.estimate.checks import suspected_leak

N = 1_000
RNG = np.random.default_rng(3)
X1, X2, NOISE = RNG.normal(size=(3, N))
T = (RNG.random(N) < 1 / (1 + np.exp(-0.5 * X1))).astype(int)
Y = 1.0 * T + X1 + NOISE


def study(**changes: object) -> Study:
    table = {"x1": X1, "x2": X2, "t": T, "y": Y} | changes
    covariates = [name for name in table if name not in ("t", "y", "p")]
    known = "p" if "p" in table else None
    return Study.from_table(table, outcome="y", treatment="t", covariates=covariates, propensity=known)


def test_the_cases_are_these(shared: Path) -> None:
    cases = {case["id"]: case for case in json.loads((shared / "cases/nasty_inputs.json").read_text())["cases"]}
    codes = {"N19": OneArm, "N20": ArmTooSmall, "N22": LeakedOutcome, "N23": LeakedTreatment, "N25": NotFinite}
    for case, refusal in codes.items():
        assert f"code={refusal.code}" in cases[case]["expected"]
    assert "influence_dominated" in cases["N26"]["expected"]


def test_n19_all_treated() -> None:
    for fit in (AIPW().fit, naive_difference):
        with pytest.raises(OneArm, match="1: 1,000") as refused:
            fit(study(t=np.ones(N, dtype=int)))
        assert refused.value.code == "no_control_arm"
        assert refused.value.evidence["arms"] == {"1": N}


def test_n20_one_control_unit() -> None:
    with pytest.raises(ArmTooSmall, match="5 per arm and fold") as refused:
        AIPW().fit(study(t=np.array([0] + [1] * (N - 1))))
    assert refused.value.evidence == {
        "arms": {"0": 1, "1": 999},
        "min_per_arm": 25,
        "min_per_arm_and_fold": 5,
        "n_folds": 5,
    }


@pytest.mark.parametrize(
    "leak",
    [Y, -3.0 * Y + 2, np.exp(Y / 3), Y + 1e-3 * NOISE],
    ids=["copy", "affine", "monotone", "nearly"],
)
def test_n22_outcome_in_covariates(leak: np.ndarray) -> None:
    with pytest.raises(LeakedOutcome, match="'bought'") as refused:
        AIPW().fit(study(bought=leak))
    assert refused.value.code == "leakage"
    assert refused.value.evidence["columns"]["bought"] > 0.999


def test_n22_two_columns_that_sum_to_the_outcome() -> None:
    with pytest.raises(LeakedOutcome) as refused:
        AIPW().fit(study(part_a=Y - X2 * 2, part_b=X2 * 2 + 1))
    assert {"part_a"} < set(refused.value.evidence["columns"])


def test_n22_amount_tells_whether_it_was_bought() -> None:
    bought = (np.random.default_rng(0).random(N) < 0.05).astype(float)
    with pytest.raises(LeakedOutcome, match="'amount'"):
        AIPW().fit(study(y=bought, amount=bought * (5 + np.abs(X2))))


def test_n22_measured_after_the_treatment() -> None:
    table = {"x1": X1, "t": T, "y": Y, "when": np.full(N, 10), "seen": np.where(np.arange(N) == 7, 11, 9)}
    roles = {"outcome": "y", "treatment": "t", "covariates": ["x1"], "time": "when"}
    with pytest.raises(MeasuredAfterTreatment, match="row 7") as refused:
        Study.from_table(table, measured_at={"x1": "seen"}, **roles)
    assert refused.value.code == "leakage"
    assert isinstance(refused.value, PostTreatmentCovariate)
    assert Study.from_table(table | {"seen": np.full(N, 10)}, measured_at={"x1": "seen"}, **roles).n == N


def test_what_nearly_tells_the_outcome_is_a_suspected_leak() -> None:
    noise = np.random.default_rng(1).normal(size=N)
    ate = AIPW(n_folds=2).fit(study(after=Y + 0.08 * noise)).ate()
    (verdict,) = [v for v in ate.verdicts if v.code == "suspected_leak"]
    assert (verdict.status, list(verdict.evidence["columns"])) == ("warning", ["after"])
    within = [np.corrcoef(part, (Y + 0.08 * noise)[arm == T])[0, 1] ** 2 for arm in (0, 1) for part in [Y[arm == T]]]
    assert min(within) - 1e-3 < verdict.evidence["columns"]["after"] < max(within) + 1e-3
    assert "'after' (R2 0.99" in verdict.meaning


def test_a_covariate_that_the_arms_alone_link_to_the_outcome_is_no_suspect() -> None:
    y, near = 100.0 * T + NOISE, 10.0 * T + X2 + np.where(np.arange(N) < 20, 10.0 * (1 - 2 * T), 0.0)
    assert suspected_leak(study(y=y, near=near)) is None
    assert suspected_leak(study(y=y, constant=np.full(N, 0.1))) is None


def test_a_strong_covariate_is_no_leak() -> None:
    AIPW(n_folds=2).fit(study(strong=10 * Y + 3 * NOISE[::-1]))


@pytest.mark.parametrize("copy", [T, 1 - T, 100.0 * T + NOISE], ids=["copy", "mirror", "noisy copy"])
def test_n23_treatment_copy_in_covariates(copy: np.ndarray) -> None:
    with pytest.raises(LeakedTreatment, match="'exposed'") as refused:
        AIPW().fit(study(exposed=copy))
    assert refused.value.code == "perfect_prediction_of_treatment"


def test_n25_infinite_outcome() -> None:
    y = Y.copy()
    y[0] = np.inf
    with pytest.raises(NotFinite, match=r"'y'.*row 0"):
        study(y=y)
    with pytest.raises(NotFinite, match=r"'y'.*row 0"):
        AIPW().fit(study().with_columns(outcome=y))
    holed = X2.copy()
    holed[5] = np.nan
    with pytest.raises(NotFinite, match=r"'x2'.*row 5"):
        AIPW().fit(study().with_columns(covariates=np.column_stack([X1, holed])))


def test_n26_single_whale() -> None:
    y = Y.copy()
    y[0] = 1e12
    ate = AIPW().fit(study(y=y)).ate()
    (verdict,) = [v for v in ate.verdicts if v.code == "influence_dominated"]
    assert verdict.evidence["row"] == 0
    assert verdict.evidence["share"] > 0.5
    assert abs(ate.value) > 1e6
    assert verdict.evidence["winsorised"][0] == pytest.approx(1.0, abs=0.3)


def test_no_whale_no_verdict() -> None:
    assert not [v for v in AIPW(n_folds=2).fit(study()).ate().verdicts if v.code]


def test_a_rule_without_exception_is_no_overlap() -> None:
    with pytest.raises(NoOverlap, match="'x1'") as refused:
        AIPW().fit(study(t=(X1 > 0).astype(int)))
    assert refused.value.evidence["share_outside"] == 1.0


def test_a_rule_in_two_covariates_is_no_overlap() -> None:
    with pytest.raises(NoOverlap, match="population='overlap'") as refused:
        AIPW().fit(study(t=(X1 + X2 > 0).astype(int)))
    assert refused.value.evidence["share_outside"] > 0.1
    assert set(refused.value.evidence["effective_units"]) == {"0", "1"}


def test_known_propensities_that_contradict_the_treatment() -> None:
    right = 1 / (1 + np.exp(-0.5 * X1))
    AIPW(n_folds=2).fit(study(p=np.where(T == 1, right, 1 - right)))
    for wrong in (0.9 * np.ones(N), 1 - right):
        with pytest.raises(BadPropensity, match="contradict"):
            AIPW().fit(study(p=np.where(T == 1, wrong, 1 - wrong)))
    with pytest.raises(BadPropensity, match="shape"):
        AIPW().fit(study().with_columns(propensity=np.full((N, 3), 1 / 3)))


def test_too_few_clusters() -> None:
    with pytest.raises(TooFewUnits, match="8 clusters"):
        AIPW().fit(study().with_columns(cluster=np.arange(N) % 8))


def test_negative_weights() -> None:
    with pytest.raises(InputError, match="negative"):
        AIPW().fit(study().with_columns(weight=np.where(np.arange(N) == 3, -1.0, 1.0)))
