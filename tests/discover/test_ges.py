import random

import numpy as np
import pytest

from dorec.discover import GES, structural_hamming_distance
from dorec.domain.graph import CausalGraph


def sample(seed, n=500, d=8):
    rng = np.random.default_rng(seed)
    weight = np.triu(rng.random((d, d)) < 0.3, k=1) * rng.uniform(0.5, 1.5, (d, d)) * rng.choice([-1, 1], (d, d))
    order = rng.permutation(d)
    return rng.normal(size=(n, d)) @ np.linalg.inv(np.eye(d) - weight[np.ix_(order, order)])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(6))
def test_same_graph_as_causal_learn(seed):
    theirs = pytest.importorskip("causallearn.search.ScoreBased.GES")
    data = sample(seed)
    random.seed(0)
    names = [f"v{i}" for i in range(data.shape[1])]
    out = theirs.ges(data, "local_score_BIC_from_cov", parameters={"lambda_value": 1.0})["G"].graph == -1
    peer = CausalGraph.from_edges(
        names,
        directed=[(names[i], names[j]) for i, j in np.argwhere(out & ~out.T)],
        undirected=[(names[i], names[j]) for i, j in np.argwhere(np.triu(out & out.T))],
    )
    ours = GES(penalty_discount=2.0).discover(dict(zip(names, data.T, strict=True)))
    assert structural_hamming_distance(ours, peer) == 0
