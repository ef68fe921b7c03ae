from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import EventLog, Study
from dorec.domain.errors import ColumnNotFound, InputError, NotFinite, OneArm, TooFewUnits
from dorec.estimate import AIPW, naive_difference
from dorec.profile import features_as_of, treatment_window_study

START = datetime(2024, 1, 1, tzinfo=UTC)
RNG = np.random.default_rng(0)
N = 600
EVENTS = {
    "user_id": [f"u{k}" for k in RNG.integers(0, 20, N)],
    "event": RNG.choice(["purchase", "view"], N).tolist(),
    "value": RNG.integers(1, 40, N) / 4,
    "timestamp": [START + timedelta(hours=int(h)) for h in RNG.integers(0, 24 * 60, N)],
}
LOG = EventLog.from_table(EVENTS)
FIRST, SECOND = (date(2024, 1, 20), date(2024, 1, 25)), (date(2024, 2, 5), date(2024, 2, 14))


def sent(*rows):
    names = ("user_id", "kind", "start", "end")
    return dict(zip(names, (list(c) for c in zip(*rows, strict=True)), strict=True))


ROWS = [("u1", "A", *FIRST), ("u2", "A", *FIRST), ("u2", "A", *SECOND), ("u3", "B", *SECOND), ("u9", "B", *FIRST),
        ("new", "A", *SECOND)]  # fmt: skip


def by_hand(user, window):
    low = datetime.combine(window[0], datetime.min.time(), UTC)
    high = datetime.combine(window[1], datetime.min.time(), UTC) + timedelta(days=1)
    return sum(
        v for u, e, v, t in zip(*EVENTS.values(), strict=True) if u == user and e == "purchase" and low <= t < high
    )


def test_every_user_has_a_row_for_each_window_with_its_arm_and_outcome():
    built = treatment_window_study(LOG, sent(*ROWS), arm="kind", treated=["A"])
    rows = built.table.to_pylist()
    assert len(rows) == 20 * 2  # `new` has no event before a window
    assert any("1 of arm A, 1 of arm none" in note for note in built.notes)
    for row in rows:
        window = FIRST if row["window"] == "2024-01-20" else SECOND
        assert row["arm"] == ("A" if (row["user_id"], "A", *window) in ROWS else "none")
        assert row["value_in_window"] == pytest.approx(by_hand(row["user_id"], window))
        assert row["assigned_before"] == (window == SECOND and row["user_id"] in {"u1", "u2", "u9"})
    assert sum(r["value_in_window"] > 0 for r in rows) > 20
    assert "running_before" not in built.covariates  # no window runs into another, so it is 0 for all
    assert [w["arms"] for w in built.windows] == [{"A": 2, "none": 18}, {"A": 1, "none": 19}]


def test_covariates_are_those_known_at_the_start_of_the_window():
    built = treatment_window_study(LOG, sent(*ROWS), arm="kind", before_days=10)
    past = features_as_of(LOG, built.table, at="window_start", before_days=10)
    shared = [name for name in built.covariates if name in past.column_names]
    assert {"monetary", "n_view", "recency_days"} <= set(shared)
    assert built.table.select(shared).equals(past.select(shared))
    later = {**EVENTS, "value": [v * 100 if t >= datetime(2024, 1, 20, tzinfo=UTC) else v
                                 for v, t in zip(EVENTS["value"], EVENTS["timestamp"], strict=True)]}  # fmt: skip
    one, other = (treatment_window_study(EventLog.from_table(e), sent(*ROWS[:2])) for e in (EVENTS, later))
    assert one.covariates == other.covariates
    assert one.table.select(list(one.covariates)).equals(other.table.select(list(one.covariates)))
    assert not one.table["value_in_window"].equals(other.table["value_in_window"])


def test_every_arm_by_default_and_a_study_of_them():
    built = treatment_window_study(LOG, sent(*ROWS), arm="kind")
    study = built.to_study()
    assert isinstance(study, Study)
    assert study.arm_counts == {"none": 35, "A": 3, "B": 2}
    assert "window=2024-02-05" in study.covariate_names
    assert len(np.unique(study.cluster)) == 20


def test_times_end_where_they_say_and_an_absent_end_is_the_end_of_the_log():
    at = [START + timedelta(days=k) for k in (0, 2, 4, 6)]
    log = EventLog.from_table({"user_id": ["a", "b", "b", "a", "a"], "event": ["purchase"] * 5,
                               "value": [1.0, 9.0, 2.0, 4.0, 8.0], "timestamp": [at[0], *at]})  # fmt: skip
    given = {"user_id": ["a"], "start": [at[1]], "end": [at[2] + timedelta(hours=1)]}
    assert treatment_window_study(log, given).table["value_in_window"].to_pylist() == [4.0, 2.0]
    assert treatment_window_study(log, given, end=None).table["value_in_window"].to_pylist() == [12.0, 2.0]


def test_a_missing_demographic_is_a_level_of_its_own_and_a_missing_number_stays_missing():
    about = {"who": ["u1", "u2", "u3"], "income": ["low", None, "high"], "age": [31, 42, None]}
    built = treatment_window_study(LOG, sent(*ROWS), arm="kind", treated=["A"], users=about, user="who")
    table = dict(zip(built.table["user_id"].to_pylist(), zip(built.table["income"].to_pylist(),
                     built.table["age"].to_pylist(), strict=True), strict=True))  # fmt: skip
    assert (table["u1"], table["u2"], table["u3"], table["u7"]) == (
        ("low", 31), ("missing", 42), ("high", None), ("missing", None))  # fmt: skip
    assert {"income", "age"} <= set(built.covariates)
    assert "age is missing" in built.to_study().covariate_names


def test_windows_beyond_the_log_are_left_out_and_said_so():
    late = (date(2024, 2, 25), date(2024, 3, 10))
    early = (date(2023, 12, 20), date(2024, 1, 5))
    built = treatment_window_study(LOG, sent(*ROWS, ("u1", "A", *late), ("u1", "A", *early)), arm="kind", treated=["A"])
    told = [w["left_out"] for w in built.windows if "left_out" in w]
    assert len(told) == 2
    assert set(told) <= set(built.notes)
    assert any("cut short" in t for t in told)
    assert len(set(built.table["window"].to_pylist())) == 2
    with pytest.raises(TooFewUnits, match="none of 1 window"):
        treatment_window_study(LOG, sent(("u1", "A", *late)))


def test_two_arms_at_once_are_left_out_and_counted():
    built = treatment_window_study(LOG, sent(*ROWS, ("u1", "B", *FIRST)), arm="kind")
    assert "u1|2024-01-20" not in built.table["row"].to_pylist()
    assert any(note.startswith("1 rows were left out") for note in built.notes)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"arm": "kin"}, ColumnNotFound, "Did you mean 'kind'"),
        ({"arm": "kind", "treated": ["C"]}, InputError, "Kinds: A, B"),
        ({"outcome_event": "buy"}, InputError, "Events of the log: purchase, view"),
    ],
)
def test_wrong_names_are_refused(change, error, match):
    with pytest.raises(error, match=match):
        treatment_window_study(LOG, sent(*ROWS), **change)


def test_assignments_that_can_not_be_used_are_refused():
    with pytest.raises(InputError, match="end before they start"):
        treatment_window_study(LOG, sent(("u1", "A", FIRST[1], FIRST[0])))
    with pytest.raises(NotFinite, match="start"):
        treatment_window_study(LOG, sent(("u1", "A", None, FIRST[0]), ROWS[0]))
    with pytest.raises(OneArm, match="every user"):
        treatment_window_study(LOG, sent(*[(f"u{k}", "A", *FIRST) for k in range(20)]))
    with pytest.raises(InputError, match="not times"):
        treatment_window_study(LOG, {"user_id": ["u1"], "start": [1], "end": [2]})


def test_complete_journey(shared):
    folder = shared / "data/complete_journey"
    sales = pq.read_table(folder / "transactions_sample.parquet")
    sales = sales.append_column("event", pa.array(["purchase"] * sales.num_rows))
    log = EventLog.from_table(sales, user_id="household_id", item_id="product_id", timestamp="transaction_timestamp",
                              value="sales_value", session_id="basket_id")  # fmt: skip
    kinds = pq.read_table(folder / "campaign_descriptions.parquet")
    kinds = kinds.set_column(1, "campaign_type", kinds["campaign_type"].cast(pa.string()))
    campaigns = pq.read_table(folder / "campaigns.parquet").join(kinds, "campaign_id")
    built = treatment_window_study(
        log, campaigns, unit="household_id", arm="campaign_type", treated=["Type A"], start="start_date",
        end="end_date", before_days=90, users=pq.read_table(folder / "demographics.parquet"),
    )  # fmt: skip
    type_a = campaigns.filter(pa.compute.equal(campaigns["campaign_type"], "Type A"))
    table = built.table.to_pandas()
    households = set(sales["household_id"].to_pylist()) | set(campaigns["household_id"].to_pylist())
    first = sales.group_by("household_id").aggregate([("transaction_timestamp", "min")]).to_pandas()
    first = first.set_index("household_id")["transaction_timestamp_min"].dt.tz_localize("UTC")
    starts = table["window_start"].unique()
    assert len(starts) == 4  # 4 of the campaigns are of type A
    assert len(table) == sum((first < start).sum() for start in starts) < 4 * len(households)
    sent_before = [r["household_id"] in first and first[r["household_id"]] < pd.Timestamp(r["start_date"], tz="UTC")
                   for r in type_a.to_pylist()]  # fmt: skip
    assert (table["arm"] == "Type A").sum() == sum(sent_before)
    assigned = set(campaigns["household_id"].to_pylist())
    held = assigned & set(pq.read_table(folder / "demographics.parquet")["household_id"].to_pylist())
    assert any(f"it holds {len(held):,} of {len(assigned):,} assigned users" in note for note in built.notes)
    row = table[(table["arm"] == "Type A") & (table["window"] == "2017-08-08")].iloc[0]
    frame = sales.to_pandas()
    mine = frame[frame["household_id"] == row["user_id"]]
    inside = mine["transaction_timestamp"].between("2017-08-08", "2017-09-24 23:59:59.999999")
    before = mine["transaction_timestamp"].between("2017-05-10", "2017-08-07 23:59:59.999999")
    assert row["value_in_window"] == pytest.approx(mine.loc[inside, "sales_value"].sum())
    assert row["monetary"] == pytest.approx(mine.loc[before, "sales_value"].sum())
    assert built.to_study().arm_counts["Type A"] == sum(sent_before)


def test_users_who_are_named_without_a_treatment_count_even_if_they_never_came():
    days = [datetime(2024, 1, d) for d in (1, 2, 5, 6, 9)]
    log = EventLog.from_table(
        {"user_id": list("ababb"), "event": ["purchase"] * 5, "value": [1.0, 2.0, 4.0, 8.0, 16.0], "timestamp": days}
    )
    sent = {
        "user_id": ["a", "never"],
        "kind": ["mail", "none"],
        "start": [datetime(2024, 1, 4)] * 2,
        "end": [datetime(2024, 1, 7)] * 2,
    }
    rows = treatment_window_study(log, sent, arm="kind").table.select(["user_id", "arm", "value_in_window"]).to_pylist()
    assert {"user_id": "never", "arm": "none", "value_in_window": 0.0} in rows


def purchases_without_an_effect(seed, n=3_000):
    """Gamma-Poisson purchases over 60 days; a campaign from day 30 to 40 to a coin flip's 30 %, which does nothing."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(n), rng.poisson(rng.gamma(0.5, 4.0, n)))
    hours = rng.integers(0, 24 * 60, len(who))
    log = EventLog.from_table({"user_id": [f"u{k}" for k in who], "event": ["purchase"] * len(who),
                               "value": rng.gamma(2.0, 5.0, len(who)),
                               "timestamp": [START + timedelta(hours=int(h)) for h in hours]})  # fmt: skip
    treated = rng.random(n) < 0.3
    everyone = [f"u{k}" for k in range(n)]
    begin = date(2024, 1, 31)
    return log, everyone, treated, {"start": [begin], "end": [begin + timedelta(days=9)]}


@pytest.mark.parametrize("rule", ["log alone", "users", "named"])
def test_a_campaign_that_does_nothing_has_no_effect_whoever_never_bought(rule):
    z, means = [], []
    for seed in range(3):
        log, everyone, treated, when = purchases_without_an_effect(seed)
        given = pd.DataFrame({"user_id": everyone, "kind": np.where(treated, "mail", "none")}).assign(
            start=when["start"][0], end=when["end"][0]
        )
        if rule != "named":
            given = given[treated]
        users = {"user_id": everyone, "age": np.arange(len(everyone)) % 50} if rule == "users" else None
        built = treatment_window_study(log, given, arm="kind", users=users)
        study = built.to_study()
        assert (rule == "log alone") == (study.n < len(everyone))
        effect = AIPW(n_folds=2, outcome_model=LinearRegression(),
                      propensity_model=LogisticRegression(max_iter=5_000)).fit(study).ate()  # fmt: skip
        difference = naive_difference(study)
        z.append(effect.value / effect.std_error)
        means.append(difference.value / difference.std_error)
    assert max(map(abs, z)) < 3
    assert abs(np.sum(z)) < 3 * np.sqrt(3)
    assert abs(np.sum(means)) < 3 * np.sqrt(3)


def test_the_population_and_why_are_told():
    log, everyone, treated, when = purchases_without_an_effect(0, 300)
    given = {"user_id": np.array(everyone)[treated], "start": when["start"] * int(treated.sum())}
    built = treatment_window_study(log, given, end=None)
    assert any("users with an event before it" in note for note in built.notes)
    assert any("of arm treated" in note and "of arm none" in note for note in built.notes)
    covering = treatment_window_study(log, given, end=None, users={"user_id": everyone})
    assert covering.table.num_rows == 300
    assert any("table about users" in note for note in covering.notes)
    half = treatment_window_study(log, given, end=None, users={"user_id": everyone[:150]})
    assert half.table["row"].equals(built.table["row"])
    assert any(f"{treated[:150].sum()} of {treated.sum()} assigned users" in note for note in half.notes)
