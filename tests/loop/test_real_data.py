"""`dorec init` and `dorec run` on real shops, ratings, an experiment and a bandit log."""

import pytest

from dorec.loop.init import Sources, init_study
from dorec.loop.run import run_study


@pytest.fixture
def study(tmp_path, shared):
    """Init on files of ../shared/data, change lines of dorec.toml, run; the results by stage."""

    def run(changes=None, *, randomised=False, **sources):
        named = {
            name: [str(shared / "data" / s) for s in given] if isinstance(given, list) else str(shared / "data" / given)
            for name, given in sources.items()
        }
        path = init_study(tmp_path / "study", Sources(**named), randomised=randomised)
        text = path.read_text()
        for before, after in (changes or {}).items():
            assert before in text
            text = text.replace(before, after)
        path.write_text(text)
        summary = run_study(tmp_path / "study")
        assert summary.report.stat().st_size > 10_000
        return summary.results

    return run


def stages(results):
    return {stage["stage"]: stage for stage in results["profile"].facts["stages"]}


FAST = {'models = ["popularity", "item_knn", "ease", "als"]': 'models = ["popularity", "item_knn"]'}
QUICK = {"n_folds = 5": "n_folds = 2\nrefute = false"}


def test_a_campaign_of_complete_journey(study):
    folder = "complete_journey"
    results = study(
        FAST | QUICK,
        events=f"{folder}/transactions_sample.parquet",
        items=[f"{folder}/products.parquet"],
        users=[f"{folder}/demographics.parquet"],
        treatments=[f"{folder}/campaigns.parquet", f"{folder}/campaign_descriptions.parquet"],
    )
    assert results["ingest"].facts["received"] == 75_000
    naive = results["effects"].estimates["value_in_window/naive"]
    adjusted = results["effects"].estimates["value_in_window/adjusted"]
    assert naive.interval().lower > 5  # households that get campaigns buy more anyway
    assert adjusted.interval().upper < naive.interval().lower
    assert adjusted.cluster is not None
    titles = results["recommend"].tables["recommendations"].column("title").to_pylist()
    assert any(title.isupper() and " " in title for title in titles)


def test_the_funnel_of_taobao(study):
    results = study(FAST, events="taobao_userbehavior_sample/UserBehavior.csv.gz")
    facts = results["ingest"].facts
    assert facts["received"] == 4_321
    assert facts["received"] == facts["stored"] + facts["duplicates"] + facts["quarantined"]
    assert set(stages(results)) == {"view", "favourite", "cart", "purchase"}
    assert results["profile"].facts["users"] == 43


def test_retailrocket_has_a_funnel_without_times(study):
    results = study(FAST, events="retailrocket_small/*.dat.gz")
    counts = {name: stage["count"] for name, stage in stages(results).items()}
    assert counts == {"view": 78_371, "cart": 9_028, "purchase": 5_088}
    assert results["recommend"].facts["split"] == "random"


def test_online_retail_is_conserved(study):
    results = study(FAST, events="online_retail/online_retail.parquet")
    facts = results["ingest"].facts
    assert facts["received"] == 541_909
    assert facts["received"] == facts["stored"] + facts["duplicates"] + facts["quarantined"]
    assert facts["reasons"] == {"missing_field": 135_080}  # rows without a customer
    dropped = {step["name"]: step["dropped"] for step in results["clean"].facts["steps"]}
    assert dropped["cancellations"] > 1_000


def test_ratings_of_movielens(study):
    results = study(FAST, events="ml-100k/u.data.gz")
    assert results["profile"].facts["event_counts"] == {"rating": 100_000}
    results = results["recommend"]
    assert float(results.estimates["item_knn"]["ndcg"].value) > 0.25


def test_movielens_small_shows_titles(study):
    results = study(FAST, events="ml-latest-small/ratings.csv.gz", items=["ml-latest-small/movies.csv.gz"])
    assert results["ingest"].facts["received"] == 100_004
    titles = results["recommend"].tables["recommendations"].column("title").to_pylist()
    assert any("(19" in title for title in titles)


def test_the_experiment_of_hillstrom(study):
    results = study(
        QUICK | {'["visit", "conversion", "spend"]': '["visit"]\ncovariates = ["recency", "history", "newbie"]'},
        treatments=["hillstrom/hillstrom.csv.gz"],
        randomised=True,
    )["effects"]
    means = results.estimates["visit/arm means"]
    published = {"mean if No E-Mail": 0.1062, "mean if Mens E-Mail": 0.1828, "mean if Womens E-Mail": 0.1514}
    for name, rate in published.items():
        assert abs(means[name].value - rate) < 0.002
    assert (results.estimates["visit/adjusted"].interval().lower > 0).all()


def test_a_bandit_log_gives_the_value_of_another_policy(study):
    results = study(events="obd/random/men/men.csv.gz")["off_policy"]
    assert results.facts["decisions"] == 10_000
    logged, uniform = results.estimates["logged policy"], results.estimates["uniform (IPS)"]
    assert uniform.value == pytest.approx(logged.value)  # the log is uniformly random
    assert results.facts["effective_sample_size"]["uniform"] == pytest.approx(10_000)
    assert results.estimates["popularity (SNIPS)"].std_error > 0
