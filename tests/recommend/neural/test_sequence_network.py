import numpy as np
import pytest
import torch

from dorec.recommend.neural.histories import Histories
from dorec.recommend.neural.hstu_network import HSTUNetwork
from dorec.recommend.neural.next_items import next_items
from dorec.recommend.neural.sequence_network import SASRecNetwork, Shape
from dorec.recommend.neural.steps import steps_of
from dorec.recommend.neural.windows import lines, packed

NETWORKS = {"sasrec": SASRecNetwork, "hstu": HSTUNetwork}
every_network = pytest.mark.parametrize("name", NETWORKS)


def histories(n=7, seed=0, kinds=()):
    rng = np.random.default_rng(seed)
    count = rng.integers(2, 6, n)
    m = int(count.sum())
    start = np.concatenate([[0], np.cumsum(count)])
    time = np.sort(rng.integers(0, 10**6, m)) + 10**9
    return Histories(start, rng.integers(0, 12, m), time, rng.integers(0, 2, m) if kinds else None, kinds)


def network(name, n_kinds=0):
    torch.manual_seed(1)
    shape = Shape(n_items=12, width=8, size=8, n_blocks=2, n_heads=2, dropout=0.5, n_kinds=n_kinds)
    return NETWORKS[name](shape).eval()


@every_network
@pytest.mark.parametrize("kinds", [(), ("view", "buy")])
def test_sequences_of_one_row_do_not_read_each_other(name, kinds):
    data, net = histories(kinds=kinds), network(name, len(kinds))
    together = packed(data.start[:-1], data.count, 8)
    asked = torch.ones(together.at.shape, dtype=torch.int64) if kinds else None
    with torch.no_grad():
        packed_answers = net(steps_of(data, together), asked).numpy()
        for user in range(len(data.count)):
            first, count = data.start[user : user + 1], data.count[user : user + 1]
            alone = net(steps_of(data, lines(first, count, 8)), None if asked is None else asked[:1]).numpy()
            mine = packed_answers[np.isin(together.at, np.arange(first[0], first[0] + count[0]))]
            np.testing.assert_allclose(mine, alone[0, : count[0]], atol=1e-5)


@every_network
def test_no_place_reads_what_comes_after_it(name):
    data, net = histories(), network(name)
    first, count = data.start[:-1], data.count
    steps = steps_of(data, lines(first, count, 8))
    changed = steps.take(torch.arange(len(count)))
    changed.tokens[:, 1:] = changed.tokens[:, 1:] % 12 + 1
    with torch.no_grad():
        one, other = net(steps), net(changed)
    torch.testing.assert_close(one[:, 0], other[:, 0])
    assert not torch.allclose(one[:, 1], other[:, 1])


def test_how_long_ago_something_was_is_read_by_hstu_alone():
    data = histories()
    later = Histories(data.start, data.items, data.time * 50)
    windows = lines(data.start[:-1], data.count, 8)
    for name, reads_time in (("hstu", True), ("sasrec", False)):
        net = network(name)
        with torch.no_grad():
            one, other = net.next_of(steps_of(data, windows)), net.next_of(steps_of(later, windows))
        assert torch.equal(one, other) != reads_time


@every_network
def test_what_comes_after_is_read_at_the_last_event(name):
    data, net = histories(), network(name)
    steps = steps_of(data, lines(data.start[:-1], data.count, 8))
    with torch.no_grad():
        answers, last = net(steps), net.next_of(steps)
    for row, count in enumerate(data.count):
        torch.testing.assert_close(answers[row, count - 1], last[row])


def test_targets_are_what_follows():
    data = histories()
    steps, target, kind = next_items(data, data.count, 4).draw(torch.arange(3))
    assert kind is None
    following = {(u, t): data.items[t + 1] for u in range(7) for t in range(data.start[u], data.start[u + 1] - 1)}
    found = sorted(zip(steps.tokens[target > 0].tolist(), target[target > 0].tolist(), strict=True))
    everything = next_items(data, data.count, 4)
    assert (everything.target > 0).sum() == len(following)
    assert set(found) <= {(data.items[t] + 1, i + 1) for (_, t), i in following.items()}


def test_sets_are_read_in_any_order_and_no_item_follows_itself():
    data = histories()
    sets = Histories(data.start, np.concatenate([np.arange(c) for c in data.count]))
    rows = next_items(sets, sets.count, 8)
    orders = set()
    for _ in range(20):
        steps, target, _ = rows.draw(torch.tensor([0]))
        assert steps.place is None
        for segment in steps.segment[steps.segment < 8].unique():
            own = steps.tokens[steps.segment == segment].tolist()
            assert sorted(own) == list(range(1, len(own) + 1))
            assert target[steps.segment == segment].tolist() == [*own[1:], 0]
        orders.add(tuple(steps.tokens[0].tolist()))
    assert len(orders) > 10
