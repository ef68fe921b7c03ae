"""Potential outcomes by a Transformer: what is shown matters, the past alone is read, both arms weigh alike."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

from dorec import RunContext
from dorec.domain.errors import ConfigError, InputError, TooFewUnits, TooLarge
from dorec.recommend import ExposureLog, UpliftTransformer
from dorec.recommend.neural.exposure_sequences import exposure_tokens, outcomes_of, pieces_of
from dorec.recommend.neural.uplift_network import PotentialOutcomes, overlap_weights, reading_of

ONE = RunContext(threads=1)
N_USERS, N_SESSIONS, N_ITEMS = 40, 8, 5
QUICK = UpliftTransformer(embedding_size=8, dropout=0.0, learning_rate=0.02, epochs=15, max_length=20)


@pytest.fixture(scope="module")
def log():
    """Item 0 is bought shown or not, item 4 when it is shown; session names tell nothing of their order."""
    rng = np.random.default_rng(0)
    organic, by_showing = np.array([0.8, 0.1, 0.1, 0.1, 0.0]), np.array([0.8, 0.3, 0.1, 0.1, 0.7])
    session = np.repeat(np.arange(N_USERS * N_SESSIONS), N_ITEMS)
    item = np.tile(np.arange(N_ITEMS), N_USERS * N_SESSIONS)
    shown = rng.random(len(item)) < 0.5
    bought = rng.random(len(item)) < np.where(shown, by_showing[item], organic[item])
    name = rng.permutation(N_USERS * N_SESSIONS)
    rows = [
        {"user_id": f"u{s // N_SESSIONS:02d}", "item_id": f"i{i}", "session_id": f"s{name[s]}", "timestamp": int(s)}
        | {"event": kind, "propensity": p}
        for kind, which, p in (("impression", shown, 0.5), ("purchase", bought, None))
        for s, i in zip(session[which].tolist(), item[which].tolist(), strict=True)
    ]
    return ExposureLog.from_events(pa.Table.from_pylist(rows), unshown_per_shown=2.0)


def test_what_showing_causes_comes_first(log):
    scorer = QUICK.fit(log, context=ONE)
    effect = scorer.model.effect.mean(axis=0)
    assert effect.argmax() == 4
    assert effect[4] > 0.4
    assert abs(effect[0]) < 0.2
    assert scorer.model.value[:, 0].mean() > 0.6
    assert scorer.recommend(["u00", "nobody"], k=1, exclude_seen=False).items.tolist()[0] == ["i4"]
    assert scorer.recommend(["nobody"], k=1).fallback.tolist() == [True]
    assert sum(scorer.explain("u00", "i4").parts.values()) == pytest.approx(float(scorer.model.effect[0, 4]))
    back = QUICK.restore(scorer.to_arrays()[0], log)
    np.testing.assert_array_equal(back.score(np.arange(3)), scorer.score(np.arange(3)))


def test_tokens_stand_in_the_order_of_time_and_pieces_hold_every_row(log):
    tokens = exposure_tokens(log)
    assert (np.diff(tokens.session)[np.setdiff1d(np.arange(len(tokens.item) - 1), tokens.start[1:-1] - 1)] >= 0).all()
    assert (tokens.rank == np.argsort(np.argsort(log.began)) % N_SESSIONS).all()
    pieces = pieces_of(log, tokens, 12)
    assert sorted(pieces.rows.tolist()) == list(range(log.n))
    assert pieces.count.max() <= 12
    for p, (first, count) in enumerate(zip(pieces.first, pieces.count, strict=True)):
        for row in pieces.rows[pieces.row_start[p] : pieces.row_start[p + 1]]:
            user, session = log.user[row], tokens.rank[log.session[row]]
            own = np.arange(tokens.start[user], tokens.start[user + 1])
            before = own[tokens.session[own] < session]
            assert tokens.start[user] <= first
            assert first + count <= tokens.start[user + 1]
            assert len(np.setdiff1d(before[-6:], np.arange(first, first + count))) == 0


def test_outcomes_are_those_of_the_log(log):
    tokens = exposure_tokens(log)
    assert tokens.kinds == ("impression", "purchase")
    np.testing.assert_array_equal(outcomes_of(log, ("purchase",))[:, 0], log.outcome)


def test_a_question_reads_earlier_sessions_alone_and_no_other_question(log):
    tokens = exposure_tokens(log)
    torch.manual_seed(0)
    network = PotentialOutcomes(n_items=N_ITEMS, n_kinds=2, size=8, n_blocks=2, n_heads=2, dropout=0.0).eval()
    for weights in network.parameters():
        torch.nn.init.normal_(weights, std=0.5)
    session = 3
    asked = (np.array([[1, 2]]), np.array([[True, False]]), np.array([[session, session]]), np.ones((1, 2), dtype=bool))
    whole = reading_of(tokens, (tokens.start[:1], np.diff(tokens.start)[:1]), asked)
    early = int((tokens.session[: tokens.start[1]] < session).sum())
    part = reading_of(tokens, (tokens.start[:1], np.array([early])), asked)
    alone = reading_of(tokens, (tokens.start[:1], np.array([early])), tuple(a[:, :1] for a in asked))
    with torch.no_grad():
        answers = [network(reading)[:, -n:] for reading, n in ((whole, 2), (part, 2), (alone, 1))]
        nothing = network(reading_of(tokens, (tokens.start[:1], np.array([0])), asked))[:, -2:]
    torch.testing.assert_close(answers[0], answers[1])
    torch.testing.assert_close(answers[0][:, :1], answers[2])
    assert not torch.allclose(answers[0], nothing)


def test_both_arms_weigh_alike():
    rng = np.random.default_rng(1)
    chance = rng.uniform(0.05, 0.6, 20_000)
    shown = rng.random(len(chance)) < chance
    rows = {"user_id": np.arange(len(chance)) % 7, "item_id": np.arange(len(chance)) % 11, "shown": shown.astype(int)}
    log = ExposureLog.from_table(rows | {"outcome": rng.integers(0, 2, len(chance)), "propensity": chance})
    weight = overlap_weights(log, chance).numpy()
    for values in (np.ones(len(chance)), chance):
        arms = [(weight * values)[shown == arm].sum() for arm in (True, False)]
        assert arms[0] == pytest.approx(arms[1], rel=0.05)


def test_a_seed_repeats_and_an_interrupted_training_ends_in_the_same_bits(log, tmp_path):
    whole, again = (replace(QUICK, epochs=3).fit(log, context=ONE).score(np.arange(5)) for _ in range(2))
    np.testing.assert_array_equal(whole, again)
    replace(QUICK, epochs=2, checkpoint=str(tmp_path)).fit(log, context=ONE)
    resumed = replace(QUICK, epochs=3, checkpoint=str(tmp_path)).fit(log, context=ONE)
    np.testing.assert_array_equal(whole, resumed.score(np.arange(5)))


def test_what_cannot_be_is_refused(log):
    with pytest.raises(TooLarge, match="10 pairs"):
        replace(QUICK, max_cells=10).fit(log)
    rows = {"user_id": ["a"] * 4, "item_id": [1, 2, 1, 2], "shown": [1, 0, 0, 1], "outcome": [1, 0, 1, 0]}
    with pytest.raises(TooFewUnits, match="one user"):
        QUICK.fit(ExposureLog.from_table(rows | {"propensity": [0.5] * 4}))
    with pytest.raises(ConfigError, match="max_cells is 0"):
        replace(QUICK, max_cells=0)
    with pytest.raises(InputError, match="tables are"):
        QUICK.restore({"effect": np.ones((1, 1)), "value": np.ones((1, 1))}, log)
