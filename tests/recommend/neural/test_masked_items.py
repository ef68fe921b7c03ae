"""Hidden places: how many, of which sequences; a network that reads both ways and never another's sequence."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dorec import Dataset, RunContext
from dorec.domain.errors import ConfigError
from dorec.recommend import BERT4Rec
from dorec.recommend.neural.histories import Histories, histories_of
from dorec.recommend.neural.masked_items import MaskedNetwork, hidden_places, masked_items
from dorec.recommend.neural.sequence_network import Shape
from dorec.recommend.neural.steps import Steps, steps_of
from dorec.recommend.neural.windows import lines

SHAPE = Shape(n_items=9, width=6, size=8, n_blocks=2, n_heads=2, dropout=0.0)


def network(shape=SHAPE):
    torch.manual_seed(0)
    made = MaskedNetwork(shape).eval()
    for weights in made.parameters():
        torch.nn.init.normal_(weights, std=0.3)
    return made


def histories(*lengths, seed=0):
    start = np.concatenate([[0], np.cumsum(lengths)])
    items = np.random.default_rng(seed).integers(0, 9, start[-1])
    return Histories(start, items, time=np.arange(start[-1]))


def test_of_each_sequence_something_is_hidden_and_of_padding_nothing():
    torch.manual_seed(0)
    found = masked_items(
        histories(*[3, 5, 2, 7, 4] * 200), np.array([3, 5, 2, 7, 4] * 200), SHAPE, BERT4Rec(masked=0.4)
    )
    steps, target, kind = found.draw(torch.arange(len(found.steps.tokens)))
    hidden = steps.tokens == 10
    assert kind is None
    assert torch.equal(hidden, target > 0)
    assert torch.equal(torch.where(hidden, target, steps.tokens), found.steps.tokens)
    for row in range(len(hidden)):
        for segment in found.steps.segment[row].unique().tolist():
            own = found.steps.segment[row] == segment
            assert bool(hidden[row, own].any()) == bool((found.steps.tokens[row, own] > 0).any())


def test_shares_are_those_asked_for():
    torch.manual_seed(1)
    n = 4000
    steps = Steps(torch.ones(n, 6, dtype=torch.int64), torch.zeros(n, 6, dtype=torch.int64))
    assert hidden_places(steps, 0.5, 0.0).float().mean() == pytest.approx(0.5 + 0.5**6 / 6, abs=0.01)
    lone = hidden_places(steps, 0.5, 1.0)
    assert torch.equal(lone, torch.tensor([False] * 5 + [True]).expand(n, 6))
    half = hidden_places(steps, 0.999, 0.5).all(dim=1).float().mean()
    assert half == pytest.approx(0.5, abs=0.03)


def test_a_place_reads_what_comes_after_it_and_no_other_sequence():
    made = network()
    tokens = torch.tensor([[1, 10, 3, 4, 5, 0]])
    steps = Steps(tokens, torch.tensor([[0, 0, 0, 1, 1, 6]]), torch.tensor([[2, 1, 0, 1, 0, 0]]))

    def answers(place, token):
        changed = tokens.clone()
        changed[0, place] = token
        return made(replace(steps, tokens=changed))[0]

    base = answers(0, 1)
    assert not torch.allclose(base[1], answers(2, 7)[1])
    assert not torch.allclose(base[1], answers(0, 7)[1])
    torch.testing.assert_close(base[:3], answers(4, 7)[:3])
    assert not torch.allclose(base[3], answers(4, 7)[3])


def test_the_next_item_is_a_hidden_place_behind_the_history():
    made, three = network(), histories(3, 5)
    both = made.next_of(steps_of(three, lines(np.array([0, 3]), np.array([3, 5]), 5)))
    for user, (first, count) in enumerate(((0, 3), (3, 5))):
        tokens = torch.tensor([[*(three.items[first : first + count] + 1).tolist(), 10]])
        place = torch.arange(count, -1, -1)[None]
        alone = made(Steps(tokens, torch.zeros_like(tokens), place))[0, -1]
        torch.testing.assert_close(both[user], alone)


def test_a_kind_is_asked_for():
    rows = {"u": [0, 0, 1, 1], "i": [0, 1, 0, 2], "t": [1, 2, 1, 2], "e": ["view", "purchase", "view", "view"]}
    data = Dataset.from_interactions(rows, user="u", item="i", time="t", event="e")
    found = histories_of(data, typed=True)
    made = network(replace(SHAPE, n_kinds=2))
    steps = steps_of(found, lines(np.array([0]), np.array([2]), 2))
    asked = made.next_of(steps)
    with torch.no_grad():
        made.kinds.weight[1] *= 3.0  # a shift of all would be taken back by the norm
    assert not torch.allclose(asked, made.next_of(steps))
    scorer = BERT4Rec(embedding_size=8, epochs=2, typed=True).fit(data, context=RunContext(threads=1))
    assert np.isfinite(scorer.score(np.arange(2))).all()


@pytest.mark.parametrize("settings", [{"masked": 0.0}, {"masked": 1.0}, {"last_only": 1.5}])
def test_settings_out_of_bounds_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        BERT4Rec(**settings)
