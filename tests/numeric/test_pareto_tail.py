import numpy as np
import pytest

from dorec.numeric.pareto_tail import tail_index


@pytest.mark.parametrize("shape", [0.3, 0.6, 1.0])
def test_the_shape_of_a_pareto_tail_is_found(shape):
    rng = np.random.default_rng(0)
    made = [tail_index(rng.random(20_000) ** -shape) for _ in range(20)]
    assert np.mean(made) == pytest.approx(shape, abs=0.1)


def test_scale_and_place_do_not_matter():
    values = np.random.default_rng(1).random(2_000) ** -0.5
    assert tail_index(7 * values) == pytest.approx(tail_index(values), abs=1e-6)
    assert tail_index(values + 3) == pytest.approx(tail_index(values), abs=1e-6)


def test_values_without_a_tail():
    assert tail_index(np.ones(1_000)) == -np.inf
    assert np.isnan(tail_index(np.arange(10.0)))
    assert tail_index(np.random.default_rng(2).random(5_000)) < 0


def test_two_values_have_no_tail():
    """The weights of a log that explores with a constant share; 100 to 112 equal excesses make a theta exactly 0."""
    for n in range(60, 200):
        values = np.ones(1_400)
        values[:n] = 20.0
        assert tail_index(values) < 0.5 or np.isnan(tail_index(values))
