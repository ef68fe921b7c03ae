import numpy as np
import pytest
import torch

from dorec.discover.neural.acyclic_training import AcyclicTraining, mean_slopes, walk_excess
from dorec.discover.neural.column_networks import ColumnNetworks
from dorec.discover.neural.message_network import MessageNetwork
from dorec.domain.run import RunContext

FREE = (~torch.eye(4, dtype=torch.bool)).double()
each = pytest.mark.parametrize("kind", [ColumnNetworks, MessageNetwork])


@pytest.mark.parametrize("seed", range(5))
def test_walks_are_in_excess_only_where_there_is_a_cycle(seed):
    random = np.random.default_rng(seed)
    dag = torch.tensor(np.triu(random.random((5, 5)), 1))
    assert float(walk_excess(dag)) == pytest.approx(0, abs=1e-12)
    dag[4, 0] = 0.5
    assert float(walk_excess(dag)) > 1e-4


@each
def test_slopes_are_those_of_small_differences(kind):
    model = kind(FREE, 6, torch.Generator().manual_seed(0))
    rows, step = torch.randn(9, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64), 1e-6
    found = mean_slopes(model, rows)
    for i in range(4):
        up, down = rows.clone(), rows.clone()
        up[:, i] += step
        down[:, i] -= step
        with torch.no_grad():
            slope = (model(up) - model(down)) / (2 * step)
        np.testing.assert_allclose(found[i], slope.square().mean(0).sqrt(), atol=1e-7)


@each
def test_what_may_not_be_is_not_read(kind):
    free = FREE.clone()
    free[0, 2] = 0
    model = kind(free, 6, torch.Generator().manual_seed(0))
    slopes = mean_slopes(model, torch.randn(9, 4, dtype=torch.float64))
    np.testing.assert_array_equal(slopes == 0, free.numpy() == 0)
    assert (model.squares().detach().numpy() == 0).tolist() == (free.numpy() == 0).tolist()


@each
def test_training_ends_acyclic(kind):
    random = np.random.default_rng(0)
    rows = random.normal(size=(150, 4))
    rows[:, 3] += np.sin(2 * rows[:, 0])
    model = kind(FREE, 5, torch.Generator().manual_seed(0))
    training = AcyclicTraining(reg=0.02, max_steps=30, max_rounds=15, h_tolerance=1e-4, label="")
    training.slopes(model, torch.tensor(rows - rows.mean(0)), torch.zeros(4, 4).double(), RunContext(threads=1))
    assert float(walk_excess(model.squares().detach())) <= 1e-4
