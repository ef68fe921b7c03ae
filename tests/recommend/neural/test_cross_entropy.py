import pytest
import torch
from torch.nn import functional

from dorec.recommend.neural import cross_entropy
from dorec.recommend.neural.cross_entropy import full_cross_entropy, sampled_cross_entropy


@pytest.fixture
def drawn():
    random = torch.Generator().manual_seed(0)
    vectors, table = torch.randn(37, 6, generator=random), torch.randn(23, 6, generator=random)
    return vectors.double(), table.double(), torch.randint(23, (37,), generator=random)


@pytest.mark.parametrize("part", [1, 70, 2**20])
def test_value_and_gradients_are_those_of_torch(drawn, part, monkeypatch):
    monkeypatch.setattr(cross_entropy, "PART", part)
    vectors, table, targets = drawn
    found = []
    for loss in (full_cross_entropy, lambda v, w, t: functional.cross_entropy(v @ w.T, t)):
        v, w = vectors.clone().requires_grad_(), table.clone().requires_grad_()
        value = loss(v, w, targets)
        (3 * value).backward()
        found.append((value.detach(), v.grad, w.grad))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_large_scores_do_not_overflow():
    value = full_cross_entropy(torch.full((2, 1), 1e4), torch.tensor([[1.0], [-1.0]]), torch.tensor([0, 1]))
    assert float(value) == pytest.approx(1e4)


def test_the_drawn_sum_is_right_on_average(drawn):
    vectors, table, targets = drawn
    random = torch.Generator().manual_seed(1)
    own = (vectors * table[targets]).sum(dim=1)
    mass = 0.0
    for _ in range(2000):
        sample = torch.randint(23, (5,), generator=random)
        each = torch.stack(
            [
                sampled_cross_entropy(v[None], table, t[None], sample)
                for v, t in zip(vectors[:2], targets[:2], strict=True)
            ]
        )
        mass = mass + torch.exp(each + own[:2]) / 2000
    torch.testing.assert_close(mass, torch.exp(vectors[:2] @ table.T).sum(dim=1), rtol=0.1, atol=0.0)
