"""Successive halving: few go on, everything is kept, nothing is computed twice."""

import numpy as np
import pytest

from dorec import Dataset, RunContext
from dorec.domain.errors import ConfigError, InputError
from dorec.loop import successive_halving as module
from dorec.loop.successive_halving import Trial, grid, search, shares
from dorec.recommend import EASE, Popularity


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(600), 8)
    item = rng.integers(0, 20, len(user)) * 3 + user % 3
    return Dataset.from_interactions({"u": user, "i": item, "t": rng.random(len(user))}, user="u", item="i", time="t")


def counted(monkeypatch):
    calls = []
    inner = module._tried
    monkeypatch.setattr(module, "_tried", lambda *args: calls.append(args[0]) or inner(*args))
    return calls


LEARNERS = [EASE(reg=10.0 ** (i - 1)) for i in range(9)] + [Popularity()]


def test_only_the_best_go_on_to_more_users(data, monkeypatch):
    calls = counted(monkeypatch)
    found = search(LEARNERS, data, k=5)
    by_share = {share: [t for t in found.trials if t.share == share] for share in shares(10, 600, 3)}
    assert [len(v) for v in by_share.values()] == [10, 4, 2]
    assert len(calls) == 16
    first = sorted(by_share[1 / 9], key=lambda t: -t.value)
    assert {t.learner for t in by_share[1 / 3]} == {t.learner for t in first[:4]}
    assert repr(found.best) == found.trials[0].learner
    assert found.trials[0].value == max(t.value for t in by_share[1.0])
    assert found.best != Popularity()


def test_an_interrupted_search_goes_on_where_it_was(data, monkeypatch, tmp_path):
    whole = search(LEARNERS, data, k=5)
    kept = tmp_path / "trials.jsonl"
    inner, calls = module._tried, []

    def stopping(*args):
        if len(calls) == 6:
            raise KeyboardInterrupt
        calls.append(args)
        return inner(*args)

    with monkeypatch.context() as patch:
        patch.setattr(module, "_tried", stopping)
        with pytest.raises(KeyboardInterrupt):
            search(LEARNERS, data, k=5, kept=kept)
    kept.write_text(kept.read_text() + '{"key": "cut of')
    later = counted(monkeypatch)
    again = search(LEARNERS, data, k=5, kept=kept)
    assert len(later) == 16 - 6
    assert again.best == whole.best
    assert [(t.learner, t.value) for t in again.trials] == [(t.learner, t.value) for t in whole.trials]


def test_other_data_or_seed_are_other_trials(data, tmp_path, monkeypatch):
    kept = tmp_path / "trials.jsonl"
    search(LEARNERS[:2], data, kept=kept)
    calls = counted(monkeypatch)
    search(LEARNERS[:2], data, kept=kept)
    assert calls == []
    search(LEARNERS[:2], data.take(slice(1, None)), kept=kept)
    search(LEARNERS[:2], data, kept=kept, context=RunContext(seed=1))
    assert len(calls) == 4


def test_who_refuses_is_last_and_said_so(data):
    found = search([EASE(max_items=5), Popularity()], data)
    assert found.best == Popularity()
    assert found.trials[-1].value is None
    assert "max_items" in found.trials[-1].refusal
    assert "refused" in str(found)
    assert found.to_arrow().num_rows == 2
    with pytest.raises(InputError, match="Every learner refused"):
        search([EASE(max_items=5)], data)


def test_samples_of_users_are_nested(data):
    split = module.random_split(data, 0.2)
    small, large = (set(module._sampled(split, s, 0).train.user_index.tolist()) for s in (0.1, 0.4))
    assert small < large
    assert len(small) == pytest.approx(60, abs=25)


def test_grids_and_bad_requests(data):
    assert len(grid("ease", reg=[1.0, 2.0], weighting=["log", "binary"])) == 4
    with pytest.raises(ConfigError, match="reg"):
        grid("ease", rg=[1.0])
    with pytest.raises(InputError, match="0 learner"):
        search([], data)
    assert str(Trial(learner="x", share=1.0, value=0.1, std_error=0.0, seconds=0.0))


def test_where_users_come_back_they_are_judged_by_that(data):
    """Popularity finds what a user had again only where it may show it."""
    found = {}
    for exclude_seen in (True, False):
        split = module.random_split(data, 0.3)
        repeated = module.Split(train=data, test=split.test, how="repeats", cut=None)  # all of the test was seen
        try:
            found[exclude_seen] = search([Popularity(), EASE()], repeated, exclude_seen=exclude_seen).best
        except InputError as refused:
            found[exclude_seen] = str(refused)
    assert "Every learner refused" in found[True]
    assert found[False] == EASE()


def test_only_accuracy_decides(data):
    with pytest.raises(ConfigError, match="can't choose"):
        search(LEARNERS[:2], data, metric="popularity")
