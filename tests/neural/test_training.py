import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dorec.domain.run import RunContext  # noqa: E402
from dorec.neural import minimise, seeded, threads_of, to_array, to_tensor  # noqa: E402


def valley(max_steps=200):
    at = torch.nn.Parameter(torch.tensor([-1.2, 1.0], dtype=torch.float64))
    lowest = minimise([at], lambda: (1 - at[0]) ** 2 + 100 * (at[1] - at[0] ** 2) ** 2, max_steps, tolerance=1e-14)
    return lowest, at


def test_a_bent_valley_is_followed_to_its_end():
    lowest, at = valley()
    assert lowest < 1e-10
    np.testing.assert_allclose(to_array(at), 1, atol=1e-4)


def test_steps_are_bounded_and_the_parameters_are_those_of_the_loss():
    lowest, at = valley(max_steps=3)
    assert lowest > 1e-3
    x, y = to_array(at)
    assert lowest == pytest.approx((1 - x) ** 2 + 100 * (y - x**2) ** 2)


def test_parameters_of_several_shapes_and_kinds_are_learned():
    small, wide = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(2, 3))
    minimise([small, wide], lambda: (small - 2).square().sum() + (wide - small).square().sum(), 50)
    np.testing.assert_allclose(to_array(wide), 2, atol=1e-3)
    assert wide.dtype == torch.float32


def test_streams_repeat_and_differ():
    def draw(seed, name):
        return torch.rand(4, generator=seeded(RunContext(seed=seed), name)).tolist()

    assert draw(0, "a") == draw(0, "a")
    assert draw(0, "a") != draw(1, "a")
    assert draw(0, "a") != draw(0, "b")


def test_threads_are_put_back():
    before = torch.get_num_threads()
    with threads_of(RunContext(threads=before + 1)):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_arrays_keep_their_values_and_integers_their_kind():
    values = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert to_array(to_tensor(values, dtype=torch.float64)).tolist() == values.tolist()
    assert to_array(to_tensor(np.array([3]))).dtype == np.int64


def test_without_torch_it_says_what_to_install():
    code = "import sys; sys.modules['torch'] = None\ntry:\n import dorec.neural\nexcept Exception as e: print(repr(e))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("ConfigError")
    assert "pip install 'dorec[deep]'" in said
