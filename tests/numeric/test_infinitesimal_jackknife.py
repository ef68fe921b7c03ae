import numpy as np

from dorec.numeric.infinitesimal_jackknife import influence_of_cells


def test_a_mean_has_the_centred_value_as_its_influence() -> None:
    values, p = np.array([1.0, 4.0, 9.0]), np.array([0.2, 0.5, 0.3])
    found = influence_of_cells(lambda q: np.array([q @ values]), p, range(3))[:, 0]
    assert np.allclose(found, values - p @ values)


def test_a_ratio_has_that_of_the_delta_method_even_in_rare_cells() -> None:
    p = np.array([[1e-6, 0.3], [0.4, 0.299999]])
    top, bottom = p[0, 1], p[0].sum()
    found = influence_of_cells(lambda q: np.array([q[0, 1] / q[0].sum(), 1.0]), p, range(4))
    in_row = np.array([1.0, 1.0, 0.0, 0.0])
    hit = np.array([0.0, 1.0, 0.0, 0.0])
    assert np.allclose(found[:, 0], (hit - top / bottom * in_row) / bottom, rtol=1e-5, atol=1e-7)
    assert np.allclose(found[:, 1], 0.0)
    assert abs(p.ravel() @ found[:, 0]) < 1e-8
