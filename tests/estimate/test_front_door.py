"""The front door against its formula on counts, and its interval where the treatment is confounded."""

import numpy as np
import pytest

from dorec import CausalGraph, CausalQuery, Study
from dorec.domain.errors import ColumnNotFound, InputError, NoOverlap
from dorec.domain.expression import Joint
from dorec.estimate import FrontDoor, naive_difference
from dorec.identify import identify

GRAPH = CausalGraph.from_edges("xmy", directed=[("x", "m"), ("m", "y")], bidirected=[("x", "y")])


def table(n: int = 1_000, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    hidden = rng.random(n)
    x = (rng.random(n) < 0.1 + 0.8 * hidden).astype(int)
    m = (rng.random((n, 2)) < 0.2 + 0.5 * x[:, None]).sum(axis=1)
    y = (rng.random(n) < 0.1 + 0.2 * m + 0.4 * hidden).astype(int)
    return {"x": x, "m": m, "y": y, "w": np.ones(n)}


def study(data: dict[str, np.ndarray], **roles: object) -> Study:
    return Study.from_table(data, outcome="y", treatment="x", covariates=["m"], **roles)


def test_it_is_the_formula_on_the_counts() -> None:
    data = table()
    counts = np.zeros((2, 3, 2))
    np.add.at(counts, (data["x"], data["m"], data["y"]), 1.0)
    estimand = identify(GRAPH, CausalQuery("x", "y"))
    assert estimand.strategy == "front-door"
    truth = estimand.evaluate(Joint(("x", "m", "y"), counts / counts.sum()))
    found = FrontDoor(mediators=("m",)).fit(study(data)).arm_means()
    assert found.value == pytest.approx(truth[1])


def test_interval_covers_where_the_naive_difference_is_wrong() -> None:
    truth = 2 * 0.5 * 0.2
    covered, errors, naive = 0, [], []
    for seed in range(300):
        s = study(table(1_500, seed))
        ate = FrontDoor(mediators=("m",)).fit(s).ate()
        lower, upper = ate.interval()
        covered += lower <= truth <= upper
        errors.append((ate.value, ate.std_error))
        naive.append(naive_difference(s).value)
    value, error = np.array(errors).T
    assert 0.91 <= covered / 300 <= 0.985
    assert error.mean() == pytest.approx(value.std(), rel=0.12)
    assert abs(value.mean() - truth) < 3 * value.std() / np.sqrt(300)
    assert np.mean(naive) > truth + 0.05


def test_influence_is_what_a_unit_moves() -> None:
    data = table(300)
    learner = FrontDoor(mediators=("m",))
    means = learner.fit(study(data, weight="w")).means
    for row in (0, 100, 299):
        heavier = data["w"].copy()
        heavier[row] += 1e-5
        moved = (learner.fit(study(data | {"w": heavier}, weight="w")).means.value - means.value) / 1e-5 * 300
        assert means.influence[row] == pytest.approx(moved, rel=1e-3, abs=1e-3)


def test_text_mediators_and_what_is_refused() -> None:
    data = table()
    named = study(data | {"m": np.array(["no", "some", "all"], dtype=object)[data["m"]]})
    plain = FrontDoor(mediators=("m",)).fit(study(data)).ate()
    assert FrontDoor(mediators=("m",)).fit(named).ate().value == pytest.approx(plain.value)
    with pytest.raises(ColumnNotFound):
        FrontDoor(mediators=("z",)).fit(study(data))
    with pytest.raises(InputError, match="at least one"):
        FrontDoor(mediators=())
    with pytest.raises(InputError, match="bin them"):
        FrontDoor(mediators=("m",)).fit(study(data | {"m": np.arange(1_000.0) % 300}))
    with pytest.raises(NoOverlap, match="units in arm"):
        FrontDoor(mediators=("m",)).fit(study(data | {"m": np.where(data["x"] == 1, data["m"], data["m"] % 2)}))
