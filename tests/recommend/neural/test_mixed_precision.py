"""The networks train in bfloat16 where the loop asks for it: here on the CPU, which takes the place of a GPU."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from dorec import RunContext
from dorec.recommend import ExposureLog, UpliftTransformer, make
from dorec.recommend.neural import sequence_training

ONE = RunContext(threads=1)
SEQUENCE = {"embedding_size": 8, "n_blocks": 1, "epochs": 1, "max_length": 8}
QUICK = {
    "sasrec": SEQUENCE,
    "hstu": SEQUENCE,
    "bert4rec": SEQUENCE,
    "mult_vae": {"embedding_size": 4, "hidden": 8, "epochs": 1},
    "lightgcn": {"embedding_size": 8, "epochs": 1},
    "gat": {"embedding_size": 8, "epochs": 1},
    "two_tower": {"embedding_size": 8, "epochs": 1, "n_buckets": 64},
}


@pytest.fixture
def mixed(monkeypatch):
    """As on a GPU: the forward pass in bfloat16, the whole catalogue's softmax by torch's own function."""
    seen = []

    def in_one(vectors, table, targets):
        return functional.cross_entropy(vectors @ table.T, targets)

    def linear(*args, **kwargs):
        out = plain(*args, **kwargs)
        seen.append(out.dtype)
        return out

    plain = functional.linear
    monkeypatch.setattr("dorec.neural.loop.in_mixed_precision", lambda device: True)
    monkeypatch.setattr(sequence_training, "full_cross_entropy", in_one)
    monkeypatch.setattr(functional, "linear", linear)
    return seen


@pytest.mark.parametrize("name", QUICK)
def test_it_trains_in_mixed_precision(name, tastes, mixed):
    scorer = make(name, **QUICK[name]).fit(tastes, context=ONE)
    assert np.isfinite(scorer.score(np.arange(5))).all()
    assert torch.bfloat16 in mixed or name == "lightgcn"  # which has no linear layer


def test_potential_outcomes_train_in_mixed_precision(mixed):
    rng = np.random.default_rng(0)
    rows = {"user_id": rng.integers(0, 12, 300), "item_id": rng.integers(0, 6, 300), "shown": rng.integers(0, 2, 300)}
    rows |= {"outcome": rng.integers(0, 2, 300), "propensity": np.full(300, 0.5)}
    scorer = UpliftTransformer(embedding_size=8, epochs=1).fit(ExposureLog.from_table(rows), context=ONE)
    assert np.isfinite(scorer.model.effect).all()
    assert torch.bfloat16 in mixed
