"""LightGCN: its gradient, its losses, and that it finds tastes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse

from dorec import Dataset, RunContext
from dorec.domain.errors import ConfigError, InputError, NotFinite
from dorec.numeric.graph_smoothing import bipartite
from dorec.recommend import LightGCN
from dorec.recommend.neural.graph_network import Positives, SmoothedEmbeddings, softmax_loss

each_loss = pytest.mark.parametrize("loss", ["softmax", "bpr"])


@each_loss
def test_taste_is_found(tastes, loss):
    learner = LightGCN(embedding_size=8, epochs=40, loss=loss, batch_size=32)
    lists = learner.fit(tastes).recommend(np.arange(60), k=5)
    assert ((lists.items % 2) == (np.arange(60)[:, None] % 2)).mean() > 0.8


def test_kinds_of_events_are_told_apart(tastes):
    # what is viewed is of any taste, what is bought of the user's own: both count the same without their kinds
    rng = np.random.default_rng(0)
    user, item = (np.repeat(np.arange(60), 12), rng.integers(0, 40, 720))
    own = tastes.matrix.tocoo()
    rows = {"u": np.concatenate([user, own.row]), "i": np.concatenate([item, own.col])}
    rows["e"] = np.repeat(["view", "purchase"], [len(user), own.nnz])
    data = Dataset.from_interactions(rows, user="u", item="i", event="e")
    learner = LightGCN(embedding_size=8, epochs=30, batch_size=32)
    shares = []
    for typed in (True, False):
        lists = replace(learner, typed=typed).fit(data, context=RunContext(threads=1)).recommend(np.arange(60), k=5)
        shares.append(((lists.items % 2) == (np.arange(60)[:, None] % 2)).mean())
    assert shares[0] > max(0.8, shares[1])


def test_kinds_that_are_not_there_are_refused(tastes):
    with pytest.raises(InputError, match="event types"):
        LightGCN(typed=True).fit(tastes)


def test_the_gradient_of_the_smoothing_is_that_of_finite_differences():
    history = sparse.csr_matrix(np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]))
    torch.manual_seed(0)
    network = SmoothedEmbeddings(bipartite(history), (2, 3), size=2, n_layers=2)
    with torch.no_grad():
        for side in (network.users, network.items):
            side *= 10.0  # far from the bend at zero
    own = Positives(history, "cpu")

    def loss():
        users, items = network()
        return softmax_loss(users, items, *own.of(torch.arange(2)))

    loss().backward()
    slope = network.items.grad.clone()
    for place in np.ndindex(3, 2):
        ends = []
        for step in (1e-2, -2e-2):
            with torch.no_grad():
                network.items[place] += step
                ends.append(float(loss()))
        with torch.no_grad():
            network.items[place] += 1e-2
        assert float(slope[place]) == pytest.approx((ends[0] - ends[1]) / 2e-2, abs=3e-4)


def test_the_softmax_is_torchs_cross_entropy():
    torch.manual_seed(0)
    users, items = torch.randn(3, 4), torch.randn(5, 4)
    place, item = torch.tensor([0, 0, 2]), torch.tensor([4, 1, 3])
    expected = torch.nn.functional.cross_entropy((users @ items.T)[place], item)
    assert float(softmax_loss(users, items, place, item)) == pytest.approx(float(expected), rel=1e-5)


def test_a_rate_that_overflows_is_refused(tastes):
    with pytest.raises(NotFinite, match="lower the learning rate"):
        LightGCN(embedding_size=4, epochs=3, learning_rate=1e38).fit(tastes)


@pytest.mark.parametrize(
    "settings",
    [{"n_layers": -1}, {"batch_size": 0}, {"loss": "hinge"}, {"temperature": 0.0}, {"embedding_size": 0}],
)
def test_settings_out_of_bounds_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        LightGCN(**settings)
