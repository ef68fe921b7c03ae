import numpy as np
import pytest

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate
from dorec.intervene.choice import best_of


def test_the_interval_is_wider_than_one_that_forgets_the_choice() -> None:
    draws = np.random.default_rng(0).normal(size=(300, 8))
    choice = best_of(Estimate.of_mean(draws, name=tuple("abcdefgh"), sample="users"))
    alone = choice.value.interval()
    assert choice.interval.lower < alone.lower < alone.upper < choice.interval.upper
    assert set(choice.not_worse) <= set("abcdefgh")
    assert choice.regret >= 0


def test_what_is_known_exactly_has_no_error() -> None:
    draws = np.column_stack([np.random.default_rng(1).normal(size=50), np.full(50, 9.0)])
    choice = best_of(Estimate.of_mean(draws, name=("guess", "known"), sample="users"))
    assert (choice.candidate, choice.interval, choice.regret) == ("known", (9.0, 9.0), 0.0)


def test_one_score_is_no_choice() -> None:
    with pytest.raises(InputError, match="one score"):
        best_of(Estimate.of_mean(np.arange(9.0)))


@pytest.mark.parametrize("level", [0.0, 1.0, 2.0, float("nan"), "a"])
def test_a_level_is_a_probability(level: object) -> None:
    scores = Estimate.of_mean(np.random.default_rng(0).normal(size=(50, 2)), name=("a", "b"), sample="u")
    with pytest.raises(InputError, match="level is"):
        best_of(scores, level)
