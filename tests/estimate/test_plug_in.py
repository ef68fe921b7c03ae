"""Formulas counted out on classes."""

import numpy as np
import pytest

from dorec import CausalGraph, CausalQuery, Estimand, Study
from dorec.domain.errors import ColumnNotFound, InputError, NoOverlap, TooLarge
from dorec.domain.expression import Probability, Product, Sum
from dorec.domain.regime import Regime
from dorec.estimate import FrontDoor, PlugIn
from dorec.identify import identify

ADJUSTED = Sum(("c", "z"), Product((Probability(("y",), ("t", "c", "z")), Probability(("c", "z")))))
EDGES = [("w", "z"), ("z", "t"), ("t", "y")]
NAPKIN = CausalGraph.from_edges("wzty", directed=EDGES, bidirected=[("w", "t"), ("w", "y")])


def estimand(expression: object = ADJUSTED, **query: object) -> Estimand:
    return Estimand(query=CausalQuery("t", "y", **query), strategy="general", expression=expression)


def world(seed: int = 0, n: int = 2_000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    c, z = rng.integers(0, 3, n), rng.integers(0, 2, n)
    t = (rng.random(n) < 0.2 + 0.2 * c + 0.1 * z).astype(int)
    city = np.array(["ams", "ber", "cph"], dtype=object)[c]
    return {"c": city, "z": z, "t": t, "y": (1.0 + z) * t + c + rng.normal(size=n), "noise": rng.normal(size=n)}


def study(table: dict[str, np.ndarray], covariates: tuple[str, ...] = ("c", "z"), **more: object) -> Study:
    return Study.from_table(table, outcome="y", treatment="t", covariates=list(covariates), **more)


def test_adjustment_is_the_stratified_mean_by_hand() -> None:
    table = world()
    effect = PlugIn(estimand=estimand()).fit(study(table)).ate()
    total = 0.0
    for city in ("ams", "ber", "cph"):
        for z in (0, 1):
            rows = (table["c"] == city) & (table["z"] == z)
            arm = table["t"][rows]
            total += rows.mean() * (table["y"][rows][arm == 1].mean() - table["y"][rows][arm == 0].mean())
    assert effect.value == pytest.approx(total, rel=1e-9)


def test_influence_is_that_of_the_bootstrap_and_weights_are_copies() -> None:
    table = world(n=600)
    effect = PlugIn(estimand=estimand()).fit(study(table)).ate()
    assert effect.influence.mean() == pytest.approx(0.0, abs=1e-7)
    rng, drawn = np.random.default_rng(1), []
    for _ in range(40):
        rows = rng.integers(0, 600, 600)
        try:
            learner = PlugIn(estimand=estimand(), min_per_cell=1)
            drawn.append(learner.fit(study({k: v[rows] for k, v in table.items()})).ate().value)
        except NoOverlap:
            continue
    assert effect.std_error == pytest.approx(np.std(drawn), rel=0.4)
    double = {k: np.repeat(v, 2) for k, v in table.items()}
    weighted = {**table, "w": np.full(600, 2.0)}
    assert PlugIn(estimand=estimand()).fit(study(double)).ate().value == pytest.approx(effect.value)
    again = PlugIn(estimand=estimand()).fit(study(weighted, weight="w")).ate()
    assert again.std_error == pytest.approx(effect.std_error)


def test_a_front_door_agrees_with_its_own_estimator() -> None:
    rng = np.random.default_rng(2)
    hidden = rng.random(3_000)
    t = (rng.random(3_000) < hidden).astype(int)
    m = (rng.random(3_000) < 0.2 + 0.6 * t).astype(int)
    s = study({"t": t, "m": m, "y": m + 2 * hidden + rng.normal(size=3_000)}, ("m",))
    graph = CausalGraph.from_edges("tmy", directed=[("t", "m"), ("m", "y")], bidirected=[("t", "y")])
    ours = PlugIn(estimand=identify(graph, CausalQuery("t", "y"))).fit(s).ate()
    theirs = FrontDoor(mediators=("m",)).fit(s).ate()
    assert ours.value == pytest.approx(theirs.value, rel=1e-9)
    assert ours.std_error == pytest.approx(theirs.std_error, rel=1e-6)


def test_scale_shift_and_order_do_not_matter() -> None:
    table = world(n=800)
    base = PlugIn(estimand=estimand()).fit(study(table)).ate()
    other = PlugIn(estimand=estimand()).fit(study({**table, "y": 1e6 * table["y"] - 7})).ate()
    assert other.value == pytest.approx(1e6 * base.value)
    assert other.std_error == pytest.approx(1e6 * base.std_error, rel=1e-6)
    order = np.random.default_rng(0).permutation(800)
    turned = PlugIn(estimand=estimand()).fit(study({k: v[order] for k, v in table.items()})).ate()
    assert turned.value == pytest.approx(base.value)


def test_conditions_give_an_effect_for_each_level() -> None:
    inner = Product((Probability(("y",), ("t", "c", "z")), Probability(("c",), ("z",))))
    asked = estimand(Sum(("c",), inner), conditions="z")
    table = world(n=6_000)
    found = PlugIn(estimand=asked).fit(study(table)).ate()
    assert set(found.name) == {"1 - 0 given z=0", "1 - 0 given z=1"}
    for level in (0, 1):
        one = found[f"1 - 0 given z={level}"]
        assert abs(one.value - (1.0 + level)) < 4 * one.std_error


def test_clusters_widen_the_interval() -> None:
    table = {k: np.repeat(v, 3) for k, v in world(n=400).items()}
    table["shop"] = np.repeat(np.arange(400), 3)
    single = PlugIn(estimand=estimand(), min_per_cell=2).fit(study(world(n=400))).ate()
    clustered = PlugIn(estimand=estimand()).fit(study(table, cluster="shop")).ate()
    assert clustered.std_error == pytest.approx(single.std_error, rel=0.02)


def test_classes_without_units_are_refused_where_the_value_hangs_on_them() -> None:
    table = world()
    lost = ~((table["c"] == "cph") & (table["z"] == 1) & (table["t"] == 0))
    with pytest.raises(NoOverlap, match="arm 0 has 0 of"):
        PlugIn(estimand=estimand()).fit(study({k: v[lost] for k, v in table.items()}))
    rng = np.random.default_rng(3)
    w, t = rng.integers(0, 2, (2, 600))
    few = {"w": w, "z": np.where(w == 1, 1, 0), "t": t, "y": rng.normal(size=600)}
    with pytest.raises(NoOverlap, match="combinations of classes that no unit has"):
        PlugIn(estimand=identify(NAPKIN, CausalQuery("t", "y"))).fit(study(few, ("w", "z")))


def test_columns_of_many_values_are_refused_or_cut() -> None:
    asked = estimand(Sum(("noise",), Product((Probability(("y",), ("t", "noise")), Probability(("noise",))))))
    s = study(world(), ("noise",))
    with pytest.raises(InputError, match=r"2,000 different values.*bins=5"):
        PlugIn(estimand=asked).fit(s)
    cut = PlugIn(estimand=asked, bins=4).fit(s).ate()
    assert cut.verdicts[0].code == "binned"
    with pytest.raises(InputError, match="bins is 1"):
        PlugIn(estimand=asked, bins=1)
    many = tuple(f"k{i}" for i in range(9))
    rng = np.random.default_rng(0)
    wide = {k: rng.integers(0, 19, 2_000) for k in many} | {"t": np.arange(2_000) % 2, "y": rng.normal(size=2_000)}
    big = estimand(Sum(many, Product((Probability(("y",), ("t",)), Probability(many)))))
    with pytest.raises(TooLarge):
        PlugIn(estimand=big).fit(study(wide, many))


def test_other_formulas_are_refused() -> None:
    with pytest.raises(ColumnNotFound):
        PlugIn(estimand=estimand()).fit(study(world(), ("c",)))
    with pytest.raises(InputError, match="observed population"):
        PlugIn(estimand=estimand(Probability(("y",), ("t",), Regime(do="z"))))
    with pytest.raises(InputError, match="conditions on the outcome"):
        PlugIn(estimand=estimand(Probability(("z",), ("y",)))).fit(study(world()))
