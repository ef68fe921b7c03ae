from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dorec.domain.errors import BadPropensity, ColumnNotFound, ConfigError, NoSupport, TooFewUnits
from dorec.domain.estimate import Estimate
from dorec.evaluate import IPS, SNIPS, DoublyRobust, evaluate_stream
from dorec.evaluate.stream import units_of
from dorec.simulate import LoggedBandit

WORLD = LoggedBandit(n=6_000, seed=3)
LOG = WORLD.feedback()
COLUMNS = {"action": "a", "reward": "r", "propensity": "p", "context": ["x0", "x1", "x2"], "n_actions": 5}


def table(log=LOG, **changes):
    made = {"a": log.action, "r": log.reward, "p": log.propensity, **{f"x{i}": log.context[:, i] for i in range(3)}}
    return pa.table({**made, **changes})


def test_sums_say_what_the_whole_log_says():
    made = evaluate_stream(table().to_batches(700), WORLD.target, **COLUMNS)
    for name, whole in {"IPS": IPS(), "SNIPS": SNIPS()}.items():
        alone = whole.evaluate(LOG, WORLD.target())
        assert made[name].value == pytest.approx(alone.value, rel=1e-12)
        assert made[name].std_error == pytest.approx(alone.std_error, rel=2e-4)
        assert made[name].interval() == pytest.approx(tuple(alone.interval()), rel=1e-4)
    for verdict in IPS().evaluate(LOG, WORLD.target()).verdicts:
        if verdict.code in ("supported", "mean_weight", "effective_sample_size"):
            told = next(v for v in made.verdicts if v.code == verdict.code)
            assert told.statistic == pytest.approx(verdict.statistic)
            assert told.p_value == (None if verdict.p_value is None else pytest.approx(verdict.p_value, rel=1e-6))


def test_a_model_of_earlier_batches_narrows_as_cross_fitting_does():
    world = LoggedBandit(n=6_000, seed=3, base=1.0)
    log = world.feedback()
    made = evaluate_stream(table(log).to_batches(300), world.target, **COLUMNS)
    fitted = DoublyRobust().evaluate(log, world.target())
    assert made["DoublyRobust"].std_error < 1.25 * fitted.std_error
    assert made["DoublyRobust"].std_error < 0.9 * made["IPS"].std_error
    assert abs(made["DoublyRobust"].value - world.true_value()) < 4 * fitted.std_error
    # values of one stream are paired
    assert (made["DoublyRobust"] - made["SNDR"]).std_error < 0.5 * fitted.std_error


def test_streamed_intervals_cover():
    truth = WORLD.true_value()
    covered = []
    for r in range(30):
        draw = LoggedBandit(n=1_000, seed=3, replica=r)
        log = draw.feedback()
        made = evaluate_stream(table(log).to_batches(200), draw.target, **COLUMNS)
        lower, upper = made.interval()
        covered.append((lower <= truth) & (truth <= upper))
    assert (np.mean(covered, axis=0) >= 0.83).all()


def test_batches_of_a_parquet_file_and_rows_that_are_no_use(tmp_path):
    p, r = LOG.propensity.copy(), LOG.reward.copy()
    (
        p[:3],
        r[10],
    ) = (0.0, 1.7, np.nan), np.nan
    action = LOG.action.copy()
    action[20] = 9
    pq.write_table(table(p=p, r=r, a=action), tmp_path / "log.parquet", row_group_size=1_000)
    batches = pq.ParquetFile(tmp_path / "log.parquet").iter_batches(1_000)
    made = evaluate_stream(batches, WORLD.target, **COLUMNS)
    assert next(v for v in made.verdicts if v.code == "rows_aside").statistic == 5
    good = np.setdiff1d(np.arange(LOG.n), [0, 1, 2, 10, 20])
    assert made["IPS"].value == pytest.approx(IPS().evaluate(LOG.take(good), WORLD.target()[good]).value)


def test_a_policy_object_serves_and_what_is_wrong_is_refused():
    class Uniform:
        def propensities(self, covariates):
            return np.full((len(covariates), 5), 0.2)

    batches = table().to_batches(1_000)
    made = evaluate_stream(batches, Uniform(), **COLUMNS)
    assert made["IPS"].value == pytest.approx(IPS().evaluate(LOG, np.full((LOG.n, 5), 0.2)).value)
    with pytest.raises(BadPropensity, match="no probability distribution"):
        evaluate_stream(batches, lambda x: np.full((len(x), 5), 0.3), **COLUMNS)
    with pytest.raises(BadPropensity, match="average"):
        evaluate_stream(table(p=LOG.propensity * 0.5).to_batches(), WORLD.target, **COLUMNS)
    wide = {**COLUMNS, "n_actions": 6}
    with pytest.raises(NoSupport, match="never took"):
        evaluate_stream(batches, lambda x: np.full((len(x), 6), 1 / 6), **wide)
    with pytest.raises(ColumnNotFound):
        evaluate_stream(batches, WORLD.target, **{**COLUMNS, "reward": "rr"})
    with pytest.raises(TooFewUnits, match="0 good"):
        evaluate_stream([], WORLD.target, **COLUMNS)
    with pytest.raises(ConfigError, match="n_actions"):
        evaluate_stream(batches, WORLD.target, **{**COLUMNS, "n_actions": 0})


def test_made_up_units_have_the_covariance_that_was_asked_for():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(4, 4))
    made = Estimate(np.ones(4), units_of(root @ root.T))
    assert np.allclose(made.covariance, root @ root.T)


def test_errors_of_clusters_are_those_of_the_whole_log():
    """Rows of a user lie apart, in other batches, and under ids that are text or numbers."""
    world = LoggedBandit(n=6_000, seed=3, rows_per_user=6)
    log = world.feedback()
    order = np.random.default_rng(0).permutation(log.n)
    log, target = log.take(order), world.target()[order]
    users = log.cluster
    place = {row.tobytes(): i for i, row in enumerate(log.context)}

    def judged(x):
        return target[[place[row.tobytes()] for row in x]]

    whole = {"IPS": IPS().evaluate(log, target), "SNIPS": SNIPS().evaluate(log, target)}
    naive = evaluate_stream(table(log).to_batches(700), judged, **COLUMNS)
    for ids in (users, users.astype(float), np.array([f"user {u}" for u in users], dtype=object)):
        made = evaluate_stream(table(log, u=ids).to_batches(700), judged, **COLUMNS, cluster="u")
        for name, alone in whole.items():
            assert made[name].value == pytest.approx(alone.value, rel=1e-12)
            # a few of 1,000 users share a group
            assert made[name].std_error == pytest.approx(alone.std_error, rel=0.02)
            assert made[name].std_error > 1.2 * naive[name].std_error
    control = next(v for v in made.verdicts if v.code == "mean_weight")
    same = next(v for v in whole["IPS"].verdicts if v.code == "mean_weight")
    assert control.evidence["std_error"] == pytest.approx(same.evidence["std_error"], rel=0.02)


def test_few_clusters_are_exact_and_one_is_none():
    users = np.arange(LOG.n) % 40
    made = evaluate_stream(table(u=users).to_batches(700), WORLD.target, **COLUMNS, cluster="u")
    alone = SNIPS().evaluate(replace(LOG, cluster=users), WORLD.target())
    assert made["SNIPS"].interval() == pytest.approx(tuple(alone.interval()), rel=1e-9)
    assert made["SNIPS"].dof == alone.dof == 39
    with pytest.raises(TooFewUnits, match="1 independent cluster"):
        evaluate_stream(table(u=0 * users).to_batches(700), WORLD.target, **COLUMNS, cluster="u")


def test_rows_without_a_cluster_are_set_aside():
    users = pa.array([None, *range(1, LOG.n)])
    made = evaluate_stream(table(u=users).to_batches(700), WORLD.target, **COLUMNS, cluster="u")
    assert next(v for v in made.verdicts if v.code == "rows_aside").statistic == 1
