"""Roots against inverses."""

import numpy as np

from dorec.numeric.triangular_roots import inverse_roots, widths


def test_roots_give_the_inverse_and_the_lengths():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 10, 4))
    gram = x.transpose(0, 2, 1) @ x
    roots = inverse_roots(gram, 0.5)
    inverse = np.linalg.inv(gram + 0.5 * np.eye(4))
    np.testing.assert_allclose(roots.transpose(0, 2, 1) @ roots, inverse, rtol=1e-9)
    assert (np.triu(roots, 1) == 0).all()
    z = rng.normal(size=(7, 4))
    np.testing.assert_allclose(widths(roots, z), np.sqrt(np.einsum("mi,gij,mj->mg", z, inverse, z)), rtol=1e-9)
    pairs = rng.normal(size=(5, 6, 4))
    np.testing.assert_allclose(
        widths(roots[:1], pairs), np.sqrt(np.einsum("mki,ij,mkj->mk", pairs, inverse[0], pairs)), rtol=1e-9
    )
