"""GAT: that it finds tastes, which neighbours it listens to, and that a training goes on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse

from dorec import RunContext
from dorec.domain.errors import ConfigError
from dorec.numeric.graph_smoothing import bipartite
from dorec.recommend import GAT, LightGCN
from dorec.recommend.neural.attention_graph import GraphAttention

LEARNER = GAT(embedding_size=8, epochs=30, batch_size=32)


@pytest.mark.parametrize("loss", ["softmax", "bpr"])
def test_taste_is_found(tastes, loss):
    lists = replace(LEARNER, loss=loss).fit(tastes, context=RunContext(threads=1)).recommend(np.arange(60), k=5)
    assert ((lists.items % 2) == (np.arange(60)[:, None] % 2)).mean() > 0.8


def test_a_telling_neighbour_is_heard():
    # each user has two items, one of which says where the user belongs; attention alone can tell the two apart
    rng = np.random.default_rng(0)
    kind, noise = rng.integers(0, 2, 60), rng.integers(2, 30, 60)
    items = torch.zeros(30, 4)
    items[0, 0], items[1, 0], items[:2, 1] = 1.0, -1.0, 1.0
    items[2:, 2] = 1.0
    items[2:, 0] = torch.from_numpy(rng.normal(size=28).astype(np.float32))
    rows = np.repeat(np.arange(60), 2)
    history = sparse.csr_matrix((np.ones(120), (rows, np.column_stack([kind, noise]).ravel())), shape=(60, 30))
    torch.manual_seed(0)
    layer, graph = GraphAttention(4, 1), bipartite(history)
    wanted = torch.from_numpy(1.0 - 2.0 * kind).float()
    steps = torch.optim.Adam(layer.parameters(), lr=0.05)

    def error():
        return (layer(torch.zeros(60, 4), items, graph, 1)[0][:, 0] - wanted).square().mean()

    before = error().item()
    for _ in range(60):
        steps.zero_grad()
        value = error()
        value.backward()
        steps.step()
    assert error().item() < 0.2 * before


@pytest.mark.parametrize("learner", [LEARNER, LightGCN(embedding_size=8, batch_size=32)], ids=["gat", "lightgcn"])
def test_an_interrupted_training_ends_in_the_same_bits(learner, tastes, tmp_path):
    context = RunContext(threads=1)
    whole = replace(learner, epochs=4).fit(tastes, context=context)
    replace(learner, epochs=2, checkpoint=str(tmp_path)).fit(tastes, context=context)
    resumed = replace(learner, epochs=4, checkpoint=str(tmp_path)).fit(tastes, context=context)
    np.testing.assert_array_equal(whole.score(np.arange(60)), resumed.score(np.arange(60)))


@pytest.mark.parametrize("settings", [{"n_heads": 3}, {"n_heads": 0}, {"n_layers": -1}, {"temperature": 0.0}])
def test_settings_out_of_bounds_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        replace(LEARNER, **settings)
