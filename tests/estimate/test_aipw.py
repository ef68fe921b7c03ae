"""AIPW against closed forms, and everything that must not change it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import RunContext, Study
from dorec.domain.errors import InputError, NoInterval
from dorec.domain.protocols import EffectModel
from dorec.estimate import AIPW, naive_difference

CHEAP = AIPW(n_folds=3, outcome_model=LinearRegression(), propensity_model=LogisticRegression(C=1e3, max_iter=500))


def table(n: int = 300, seed: int = 0, k: int = 2) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    score = np.stack([np.zeros(n), *(0.5 * a - 0.3 * j for j in range(1, k))], axis=1) + rng.gumbel(size=(n, k))
    t = score.argmax(axis=1)
    return {"a": a, "b": b, "t": t, "y": 1.0 * t + a + 0.5 * b + rng.normal(size=n)}


def study(data: dict[str, np.ndarray], covariates: tuple[str, ...] = ("a", "b"), **roles: object) -> Study:
    return Study.from_table(data, outcome="y", treatment="t", covariates=list(covariates), **roles)


def shuffled(data: dict[str, np.ndarray], seed: int = 1) -> dict[str, np.ndarray]:
    order = np.random.default_rng(seed).permutation(len(data["y"]))
    return {name: values[order] for name, values in data.items()}


DATA = table()


@pytest.fixture(scope="module")
def base() -> tuple[float, float]:
    ate = AIPW().fit(study(DATA)).ate()
    return ate.value, ate.std_error


@pytest.mark.parametrize(
    ("changed", "scale"),
    [
        (study(shuffled(DATA)), 1.0),
        (study(DATA, ("b", "a")), 1.0),
        (study(DATA | {"y": DATA["y"] + 1e3}), 1.0),
        (study(DATA | {"y": 7.0 * DATA["y"]}), 7.0),
        (study(DATA, control=1), -1.0),
        (study(DATA | {"t": 1 - DATA["t"]}), -1.0),
        (study(DATA | {"t": np.where(DATA["t"] == 1, "b", "a").astype(object)}), 1.0),
    ],
    ids=["rows", "columns", "shift", "scale", "arm swap", "label swap", "labels"],
)
def test_default_is_invariant(base: tuple[float, float], changed: Study, scale: float) -> None:
    ate = AIPW().fit(changed).ate()
    assert ate.value == pytest.approx(scale * base[0], abs=1e-9)
    assert ate.std_error == pytest.approx(abs(scale) * base[1], abs=1e-9)


def test_default_is_invariant_with_unit_ids() -> None:
    data = DATA | {"id": np.array([f"u{i}" for i in range(300)], dtype=object)}
    one, two = (AIPW().fit(study(d, unit="id")).ate().value for d in (data, shuffled(data)))
    assert one == pytest.approx(two, abs=1e-9)


def test_without_covariates_it_is_the_difference_in_means() -> None:
    data = table(n=400)
    plain = study(data, ())
    ate, naive = AIPW().fit(plain).ate(), naive_difference(plain)
    assert ate.value == pytest.approx(naive.value, abs=0.02)
    assert ate.std_error == pytest.approx(naive.std_error, rel=0.05)
    assert (ate - naive).value == pytest.approx(ate.value - naive.value)


def test_linear_nuisances_against_a_hand_written_loop() -> None:
    s = study(table())
    model = CHEAP.fit(s)
    folds, scores = model.nuisances.folds, np.empty((s.n, 2))
    for fold in range(3):
        train, test = folds != fold, folds == fold
        e = LogisticRegression(C=1e3, max_iter=500).fit(s.covariates[train], s.treatment[train])
        p = np.clip(e.predict_proba(s.covariates[test]), 0.01, None)
        for a in (0, 1):
            rows = train & (s.treatment == a)
            mu = LinearRegression().fit(s.covariates[rows], s.outcome[rows]).predict(s.covariates[test])
            scores[test, a] = mu
            np.testing.assert_allclose(model.nuisances.outcome[test, a], mu, atol=1e-8)
            np.testing.assert_allclose(model.nuisances.propensity[test, a], p[:, a], atol=1e-3)
    for a in (0, 1):
        w = (s.treatment == a) / model.nuisances.propensity[:, a]
        expected = scores[:, a] + w / w.mean() * (s.outcome - scores[:, a])
        np.testing.assert_allclose(model.scores[:, a], expected, atol=1e-6)
    assert model.arm_means().value == pytest.approx(model.scores.mean(axis=0))


def test_it_is_an_effect_model_and_names_its_contrasts() -> None:
    model = CHEAP.fit(study(table(n=600, k=3), unit=None, control=1))
    assert isinstance(model, EffectModel)
    assert model.ate().name == ("0 - 1", "2 - 1")
    assert model.ate().sample == model.study.sample
    assert model.effect(model.study.covariates).shape == model.unit_effects.shape == (600, 2)
    assert model.ate().value == pytest.approx([-1.0, 1.0], abs=0.4)
    with pytest.raises(NoInterval, match="segment"):
        model.interval(model.study.covariates)
    with pytest.raises(InputError, match="columns a, b"):
        model.effect(np.zeros((2, 5)))


def test_clusters_and_repeated_units_stay_together() -> None:
    data = {name: np.repeat(values, 2) for name, values in table().items()} | {"id": np.repeat(np.arange(300), 2)}
    model = CHEAP.fit(study(data, unit="id"))
    folds = model.nuisances.folds.reshape(300, 2)
    assert (folds[:, 0] == folds[:, 1]).all()
    once = CHEAP.fit(study({name: values[::2] for name, values in data.items()}, unit="id")).ate()
    assert model.ate().std_error == pytest.approx(once.std_error, rel=0.15)
    assert [v.code for v in model.ate().verdicts] == ["", "repeated_units"]
    without_id = CHEAP.fit(study(data)).ate()
    assert "duplicated_rows" in [v.code for v in without_id.verdicts]


def test_whole_weights_count_like_copies() -> None:
    data = table(n=500)
    weight = np.random.default_rng(5).integers(1, 4, size=500)
    weighted = CHEAP.fit(study(data | {"w": weight.astype(float)}, weight="w")).ate()
    copies = {name: np.repeat(values, weight) for name, values in data.items()} | {
        "id": np.repeat(np.arange(500), weight)
    }
    copied = CHEAP.fit(study(copies, unit="id")).ate()
    assert weighted.value == pytest.approx(copied.value, abs=0.05)
    assert weighted.std_error == pytest.approx(copied.std_error, rel=0.1)


@pytest.mark.parametrize(
    ("population", "truth"), [("all", 1.0), ("treated", 1.41), ("control", 0.59), ("overlap", 1.0)]
)
def test_populations_have_their_own_truth(population: str, truth: float) -> None:
    rng = np.random.default_rng(2)
    a = rng.normal(size=4_000)
    t = (rng.random(4_000) < 1 / (1 + np.exp(-a))).astype(int)  # the treated have E[a] = 0.41
    data = {"a": a, "t": t, "y": a + t * (1 + a) + rng.normal(size=4_000)}
    learner = AIPW(
        n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression(), population=population
    )
    lower, upper = learner.fit(study(data, ("a",))).ate().interval(0.999)
    assert lower < truth < upper
    assert upper - lower < 0.4


def test_repeats_change_folds_and_average() -> None:
    s = study(table())
    once, twice = CHEAP.fit(s), AIPW(**(vars(CHEAP) | {"n_repeats": 2})).fit(s)
    other = CHEAP.fit(s, context=RunContext(seed=9))
    assert once.ate().value != twice.ate().value != other.ate().value
    assert once.ate().value == pytest.approx(twice.ate().value, abs=0.05)
    assert (once.nuisances.folds != other.nuisances.folds).any()


def test_segments_add_up_and_effects_follow_the_truth() -> None:
    rng = np.random.default_rng(4)
    a = rng.normal(size=3_000)
    t = rng.integers(0, 2, size=3_000)
    s = study({"a": a, "t": t, "y": a + t * np.where(a > 0, 2.0, 0.0) + rng.normal(size=3_000)}, ("a",))
    model = AIPW(n_folds=2).fit(s)
    high, low = model.segment(a > 0), model.segment(a <= 0)
    share = (a > 0).mean()
    assert share * high.value + (1 - share) * low.value == pytest.approx(model.ate().value)
    assert high.interval().lower < 2 < high.interval().upper
    assert np.corrcoef(model.unit_effects, a > 0)[0, 1] > 0.7
    assert model.effect(np.array([[2.0], [-2.0]])) == pytest.approx([2.0, 0.0], abs=0.6)


def test_covers_in_a_small_run() -> None:
    hits, errors, reported = 0, [], []
    for rep in range(80):
        ate = CHEAP.fit(study(table(n=500, seed=100 + rep))).ate()
        hits += ate.interval().lower <= 1.0 <= ate.interval().upper
        errors.append(ate.value - 1.0)
        reported.append(ate.std_error)
    assert hits >= 70  # 87.5%; under 95% coverage the chance of fewer is 0.3%
    assert 0.8 < np.mean(reported) / np.std(errors) < 1.25


@pytest.mark.parametrize("setting", [{"n_folds": 1}, {"n_repeats": 0}, {"min_propensity": 0.6}, {"population": "some"}])
def test_settings_out_of_bounds(setting: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(setting))):
        AIPW(**setting)


def test_hillstrom_arm_rates(shared: Path) -> None:
    frame = pd.read_csv(shared / "data/hillstrom/hillstrom.csv.gz")
    for arm in frame["segment"].unique():
        frame[f"p {arm}"] = 1 / 3
    control = "No E-Mail"
    arms = [control, *sorted(a for a in frame["segment"].unique() if a != control)]
    covariates = ["recency", "history", "mens", "womens", "newbie"]
    published = {"visit": (0.1062, 0.1828, 0.1514), "conversion": (0.0057, 0.0125, 0.0088), "spend": (0.65, 1.42, 1.08)}
    for outcome, rates in published.items():
        s = Study.from_table(
            frame,
            outcome=outcome,
            treatment="segment",
            covariates=covariates,
            control=control,
            propensity=[f"p {a}" for a in arms],
        )
        assert list(s.arms) == arms
        model = AIPW(n_folds=2, outcome_model=LinearRegression()).fit(s)
        raw = [frame.loc[frame["segment"] == a, outcome].mean() for a in arms]
        means = model.arm_means()
        assert raw == pytest.approx(rates, abs=0.006)
        assert (np.abs(means.value - raw) < 0.25 * means.std_error).all()
        assert (model.ate().value > 0).all()
        assert (model.ate().adjusted_p_values() < 0.05).all()


def test_lalonde_experiment(shared: Path) -> None:
    frame = pd.read_csv(shared / "data/lalonde/nsw_dw.csv.gz")
    names = ["age", "education", "black", "hispanic", "married", "nodegree", "re74", "re75"]
    s = Study.from_table(frame, outcome="re78", treatment="treat", covariates=names)
    assert naive_difference(s).value == pytest.approx(1_794.3, abs=0.1)
    ate = AIPW().fit(s).ate()
    assert ate.interval().lower < 1_794.3 < ate.interval().upper
    assert ate.std_error < 1.05 * naive_difference(s).std_error


def test_ihdp_truth_is_covered(shared: Path) -> None:
    raw = np.loadtxt(shared / "data/ihdp/ihdp_npci_1.csv.gz", delimiter=",")
    names = [f"x{j}" for j in range(25)]
    data = dict(zip(names, raw[:, 5:].T, strict=True)) | {"t": raw[:, 0].astype(int), "y": raw[:, 1]}
    model = AIPW().fit(Study.from_table(data, outcome="y", treatment="t", covariates=names))
    truth = (raw[:, 4] - raw[:, 3]).mean()
    assert abs(model.ate().value - truth) < 0.25
    assert model.ate().interval().lower < truth < model.ate().interval().upper


@pytest.mark.parametrize(("clusters", "dof"), [(20, 19), (200, None)])
def test_few_clusters_have_students_intervals(clusters: int, dof: float | None) -> None:
    data = table()
    learner = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())
    model = learner.fit(study(data | {"c": np.arange(len(data["y"])) % clusters}, cluster="c"))
    assert (model.ate().dof, model.arm_means().dof) == (dof, dof)
    assert model.segment(np.arange(len(data["y"])) % clusters < 10).dof == 9
    assert learner.fit(study(data)).ate().dof is None
