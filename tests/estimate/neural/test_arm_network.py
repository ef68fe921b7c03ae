import pytest
import torch

from dorec.estimate.neural.arm_network import ArmNetwork, Batch, dragon_loss, factual, outcome_loss, targeted


def batch(n=6):
    draw = torch.Generator().manual_seed(0)
    X, y = torch.randn(n, 3, generator=draw), torch.rand(n, generator=draw).round()
    return Batch(X, torch.arange(n) % 3, y, torch.full((n,), 2.0), None)


def network(**settings):
    torch.manual_seed(0)
    return ArmNetwork(n_columns=3, n_arms=3, hidden=(5,), head=(4,), **settings)


def test_the_factual_outcome_is_that_of_the_unit_s_own_head():
    heads = network()(batch())
    assert factual(heads, batch()).tolist() == [heads.outcome[i, i % 3].item() for i in range(6)]


def test_normalised_representations_have_length_one():
    lengths = network(normalised=True)(batch()).representation.norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(6))


@pytest.mark.parametrize("binary", [True, False])
def test_the_dragon_s_loss_is_its_three_parts(binary):
    rows, net = batch(), network(arm_head=True)
    heads, shift = net(rows), torch.tensor([0.1, -0.2, 0.3])
    chance = heads.arm.exp()[torch.arange(6), rows.arm]
    moved = factual(heads, rows) + shift[rows.arm] / chance
    torch.testing.assert_close(targeted(heads, rows, shift), moved)
    if binary:
        errors = [
            -(rows.y * q.sigmoid().log() + (1 - rows.y) * (1 - q.sigmoid()).log())
            for q in (factual(heads, rows), moved)
        ]
    else:
        errors = [(rows.y - q) ** 2 for q in (factual(heads, rows), moved)]
    expected = (2.0 * (errors[0] - 0.5 * chance.log() + 0.7 * errors[1])).mean()
    torch.testing.assert_close(dragon_loss(heads, rows, shift, (0.5, 0.7), binary), expected)
    assert float(dragon_loss(heads, rows, shift, (0.5, 0.0), binary).detach()) < float(expected.detach())


def test_weights_count():
    y, said = torch.tensor([0.0, 1.0]), torch.tensor([1.0, 1.0])
    assert float(outcome_loss(said, y, torch.tensor([2.0, 0.0]), binary=False)) == 1.0
