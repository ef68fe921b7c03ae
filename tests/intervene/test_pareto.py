"""Fronts against brute force, joint statements against known truths, and choices."""

import numpy as np
import pytest

from dorec.domain.errors import ConfigError, InputError, NoFeasiblePlan, NoInterval, OtherUnits
from dorec.domain.estimate import Estimate
from dorec.intervene.pareto import pareto_front


def candidates(means: np.ndarray, seed: int, n: int = 200, shared: float = 0.8) -> dict[str, dict[str, Estimate]]:
    """Candidates (k, m) seen on the same units, whose noise is shared for the most part."""
    rng = np.random.default_rng(seed)
    k, m = means.shape
    noise = shared * rng.normal(size=(n, 1, 1)) + (1 - shared) * rng.normal(size=(n, k, m))
    found = Estimate.of_mean((means + noise).reshape(n, k * m), sample="users")
    return {f"c{i}": {f"aim{j}": found[i * m + j] for j in range(m)} for i in range(k)}


def dominated(values: np.ndarray, i: int) -> bool:
    return any((values[j] >= values[i]).all() and (values[j] > values[i]).any() for j in range(len(values)))


@pytest.mark.parametrize("m", [1, 2, 4])
def test_the_front_is_that_of_brute_force(m: int) -> None:
    for seed in range(5):
        front = pareto_front(candidates(np.random.default_rng(seed).normal(size=(9, m)), seed))
        assert front.front == tuple(f"c{i}" for i in range(9) if not dominated(front.values, i))
        assert set(front.front) <= set(front.possible)
        assert min(front.probability[name] for name in front.front) > 0.02


def test_minimised_aims_turn_the_front_around() -> None:
    given = candidates(np.array([[3.0, 3.0], [1.0, 1.0], [0.0, 5.0]]), 0)
    assert pareto_front(given, maximize={"aim1": False}).possible == ("c0", "c1")
    assert pareto_front(given, maximize=False).front == ("c1", "c2")


def test_what_is_clear_is_called_dominated_and_what_is_not_is_left_open() -> None:
    front = pareto_front(candidates(np.array([[1.0, 1.0], [0.0, 0.0], [0.99, 1.01]]), 1))
    assert front.dominated_by["c1"] == ("c0", "c2")
    assert front.possible == ("c0", "c2")
    assert "dominated by c0, c2" in str(front)


def test_a_known_number_has_no_error() -> None:
    given = candidates(np.array([[1.0], [0.0]]), 2)
    front = pareto_front({"c0": {**given["c0"], "items": 5.0}, "c1": {**given["c1"], "items": 5.0}})
    assert front.dominated_by["c1"] == ("c0",)
    assert front.bounds.lower[0, 1] == front.bounds.upper[0, 1] == 5.0


def test_true_fronts_are_kept_and_choices_covered() -> None:
    """Near ties, where errors would be made: 40 worlds at 95%."""
    means = np.array([[0.0, 0.1], [0.05, 0.05], [0.1, 0.0], [0.02, 0.02], [0.1, 0.0]])
    true = [i for i in range(5) if not dominated(means, i)]
    score = means @ [0.5, 0.5]
    kept, covered, regret, held = 0, 0, 0, 0
    for rep in range(40):
        front = pareto_front(candidates(means, rep, n=100, shared=0.3), seed=rep)
        kept += {f"c{i}" for i in true} <= set(front.possible)
        choice = front.choose(weights={"aim0": 0.5, "aim1": 0.5})
        at = int(choice.candidate[1:])
        covered += choice.interval.lower <= score[at] <= choice.interval.upper
        regret += score.max() - score[at] <= choice.regret
        held += any(f"c{i}" in choice.not_worse for i in np.flatnonzero(score == score.max()))
    assert kept >= 35
    assert covered >= 34
    assert regret >= 35
    assert held >= 35


def test_constraints_hold_at_their_bounds_or_are_refused() -> None:
    front = pareto_front(candidates(np.array([[3.0, 0.2], [2.0, 0.6], [1.0, 0.9]]), 3))
    assert front.choose().candidate == "c0"
    assert front.choose(at_least={"aim1": 0.4}).candidate == "c1"
    assert front.choose(at_most={"aim0": 1.5}).candidate == "c2"
    lower = front.bounds.lower[1, 1]
    assert front.values[1, 1] - 0.01 > lower
    with pytest.raises(NoFeasiblePlan, match="the nearest, 'c2', misses by"):
        front.choose(at_least={"aim1": 0.95})


def test_a_choice_by_weights_is_the_largest_weighted_sum() -> None:
    front = pareto_front(candidates(np.random.default_rng(5).normal(size=(6, 3)), 5), maximize={"aim2": False})
    choice = front.choose(weights={"aim0": 2.0, "aim1": 1.0, "aim2": 0.5})
    by_hand = front.values @ [2.0, 1.0, -0.5]
    assert choice.candidate == f"c{by_hand.argmax()}"
    assert choice.value.value == pytest.approx(by_hand.max())
    parts = [front.estimate[f"{choice.candidate}: aim{j}"] for j in range(3)]
    assert choice.value.std_error == pytest.approx((2.0 * parts[0] + parts[1] - 0.5 * parts[2]).std_error)


def test_the_table_and_the_figure_hold_every_candidate() -> None:
    front = pareto_front(candidates(np.eye(3), 6))
    assert [row["candidate"] for row in front.to_table()] == ["c0", "c1", "c2"]
    figure = front.figure("aim2", "aim0")
    assert figure.data["x"] == front.values[:, 2].tolist()
    assert (figure.x_label, figure.y_label) == ("aim2", "aim0")


def test_what_can_t_be_compared_is_refused() -> None:
    given = candidates(np.eye(2), 7)
    with pytest.raises(InputError, match="two or more"):
        pareto_front({"c0": given["c0"]})
    with pytest.raises(InputError, match="has the aims"):
        pareto_front({"c0": given["c0"], "c1": {"aim0": given["c1"]["aim0"]}})
    with pytest.raises(OtherUnits):
        pareto_front(
            {"c0": given["c0"], "c1": {a: Estimate.of_mean(np.arange(9.0), sample="others") for a in given["c1"]}}
        )
    with pytest.raises(NoInterval, match="c1: aim0"):
        pareto_front({"c0": given["c0"], "c1": {**given["c1"], "aim0": Estimate(1.0, no_interval="it is a guess")}})
    with pytest.raises(ConfigError, match="Did you mean 'aim1'"):
        pareto_front(given).choose(weights={"aim11": 1.0})
    with pytest.raises(ConfigError, match="0 or more"):
        pareto_front(given).choose(weights={"aim1": -1.0})


def test_names_are_text_and_numbers_may_be_names() -> None:
    given = candidates(np.array([[0.0, 1.0], [1.0, 0.0]]), 0)
    one, two = given.values()
    front = pareto_front({1: dict(enumerate(one.values())), 2: dict(enumerate(two.values()))})
    assert (front.candidates, front.aims) == (("1", "2"), ("0", "1"))
    aim = next(iter(one))
    for wrong in ({1: one, "1": two}, [one, two], {"a": one, "b": dict.fromkeys(two, "high")}, {"a": 1.0, "b": 2.0}):
        with pytest.raises(InputError):
            pareto_front(wrong)
    with pytest.raises(ConfigError, match="True or False"):
        pareto_front(given, maximize={aim: "no"})
    assert pareto_front(given, maximize=np.True_).larger.all()


@pytest.mark.parametrize("bound", [np.nan, "a", None])
def test_a_bound_is_a_number(bound: object) -> None:
    given = candidates(np.array([[0.0, 1.0], [1.0, 0.0]]), 0)
    aim = next(iter(next(iter(given.values()))))
    with pytest.raises(ConfigError, match="bound of"):
        pareto_front(given).choose(at_least={aim: bound})
    with pytest.raises(ConfigError, match="weight of"):
        pareto_front(given).choose(weights={aim: bound})
    with pytest.raises(ConfigError, match=r"above 0\.5"):
        pareto_front(given, level=0.4).choose(at_least={aim: 0.0})
