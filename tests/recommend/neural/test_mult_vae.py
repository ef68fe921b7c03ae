from dataclasses import replace

import numpy as np
import pytest
import torch

from dorec import Dataset, RunContext
from dorec.domain.errors import ConfigError, InputError
from dorec.evaluate import ranking
from dorec.recommend import MultVAE, Popularity, from_arrays
from dorec.recommend.neural.set_autoencoder import SetAutoencoder, held_out_items

QUICK = MultVAE(embedding_size=4, hidden=16, learning_rate=0.01, epochs=30, batch_size=20)
ONE = RunContext(threads=1)


def test_two_tastes_are_told_apart(tastes):
    held = np.random.default_rng(1).random(tastes.n_interactions) < 0.2
    train, test = tastes.take(~held), tastes.take(held)
    ours, theirs = (m.fit(train, context=ONE) for m in (QUICK, Popularity()))
    found, popular = (ranking(s, test, metrics=("ndcg",))["ndcg"].value for s in (ours, theirs))
    assert found > 1.3 * popular


def test_a_part_is_what_the_score_loses_without_the_item(tastes):
    scorer = QUICK.fit(tastes, context=ONE)
    history, parts = scorer.model.contributions(3, np.arange(tastes.n_items))
    for item, part in list(zip(history, parts, strict=True))[:2]:
        without = tastes.take((tastes.user_index != 3) | (tastes.item_index != item))
        other = from_arrays(*scorer.to_arrays(), without)
        drop = scorer.score(np.array([3]))[0] - other.score(np.array([3]))[0]
        np.testing.assert_allclose(part, drop, atol=1e-5)


def test_the_loss_is_the_multinomial_likelihood_plus_the_divergence():
    torch.manual_seed(0)
    net = SetAutoencoder(n_items=6, hidden=5, size=2, dropout=0.0).eval()
    items, starts = torch.tensor([4, 1, 0, 5, 2]), torch.tensor([0, 2])
    mean, spread = net.code(items, starts)
    likelihood = torch.log_softmax(net.out(net.decoded(mean)), dim=1)
    by_hand = -(likelihood[0, [4, 1]].sum() + likelihood[1, [0, 5, 2]].sum()) / 2
    codes = torch.distributions.Normal(mean, torch.exp(0.5 * spread))
    standard = torch.distributions.Normal(torch.zeros(2, 2), torch.ones(2, 2))
    apart = torch.distributions.kl_divergence(codes, standard).sum(dim=1).mean()
    torch.testing.assert_close(net.loss(items, starts, 0.3), by_hand + 0.3 * apart)


def test_a_set_is_read_whatever_its_order_and_normalised():
    torch.manual_seed(0)
    net = SetAutoencoder(n_items=6, hidden=5, size=2, dropout=0.5).eval()
    one, other = (net.mean_of(torch.tensor(items), torch.tensor([0])) for items in ([1, 2, 4], [4, 1, 2]))
    torch.testing.assert_close(one, other)
    by_hand = torch.tanh(net.first.weight[[1, 2, 4]].sum(dim=0) / 3**0.5 + net.first_bias)
    torch.testing.assert_close(one[0], net.to_code(by_hand)[:2])


def test_what_is_held_out_was_never_seen_before():
    rows = {"u": [1, 1, 1, 1, 2, 2], "i": [7, 8, 9, 7, 7, 8], "t": [1, 2, 3, 4, 1, 2]}
    data = Dataset.from_interactions(rows, user="u", item="i", time="t")
    users, items = held_out_items(data, RunContext())
    assert (users.tolist(), data.items[items].tolist()) == ([0], [9])


def test_without_times_any_item_may_be_held_out(tastes):
    drawn = {int(held_out_items(tastes, RunContext(seed=s))[1][0]) for s in range(30)}
    assert len(drawn) > 4
    assert drawn <= set(tastes.matrix[0].indices.tolist())


def test_an_interrupted_training_ends_in_the_same_bits(tastes, tmp_path):
    whole = replace(QUICK, epochs=4).fit(tastes, context=ONE)
    replace(QUICK, epochs=2, checkpoint=str(tmp_path)).fit(tastes, context=ONE)
    resumed = replace(QUICK, epochs=4, checkpoint=str(tmp_path)).fit(tastes, context=ONE)
    for name, values in whole.model.arrays().items():
        np.testing.assert_array_equal(values, resumed.model.arrays()[name])


def test_other_arrays_are_refused(tastes):
    arrays, metadata = replace(QUICK, epochs=1).fit(tastes, context=ONE).to_arrays()
    with pytest.raises(InputError, match=r"out\.weight"):
        from_arrays(arrays | {"out.weight": arrays["out.weight"][1:]}, metadata, tastes)


@pytest.mark.parametrize("setting", [{"hidden": 0}, {"beta": -1.0}, {"dropout": 1.0}, {"epochs": 0}])
def test_settings_out_of_bounds_are_refused(setting):
    with pytest.raises(ConfigError, match=next(iter(setting))):
        MultVAE(**setting)
