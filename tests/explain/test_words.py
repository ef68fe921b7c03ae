import numpy as np
import pytest

from dorec.domain import errors
from dorec.domain.errors import NotIdentifiable, OneArm, Refusal
from dorec.domain.estimand import Estimand
from dorec.domain.estimate import Estimate
from dorec.domain.expression import Probability
from dorec.domain.query import CausalQuery
from dorec.domain.verdict import Verdict
from dorec.explain.words import (
    describe_estimand,
    describe_estimate,
    describe_refusal,
    describe_verdict,
    listing,
    plain_reason,
    sentence,
)


def estimate(value, std_error, **fields):
    return Estimate(value, np.array([-1.0, 1.0] * 50) * std_error * np.sqrt(99), name="lift", **fields)


def test_an_effect_is_told_as_rise_or_fall_with_positive_size():
    rose = describe_estimate(estimate(2.31, 0.66, unit="USD"), treatment="the voucher", outcome="spend")
    fell = describe_estimate(estimate(-2.31, 0.66, unit="USD"), treatment="the voucher", outcome="spend")
    assert rose.startswith("On average the voucher raised spend by 2.31 USD per user; with 95% confidence between 1.0")
    assert fell == rose.replace("raised", "lowered")


def test_an_interval_with_zero_inside_is_not_told_as_an_effect():
    told = describe_estimate(estimate(0.4, 0.6), treatment="the mail", outcome="spend", per="household")
    assert "The effect of the mail on spend can't be told apart from zero" in told
    assert "0.40 per household" in told
    assert "raised" not in told


def test_shares_are_percentages():
    told = describe_estimate(
        estimate(0.0213, 0.004, unit="share"), treatment="the mail", outcome="the chance of a sale"
    )
    assert "by 2.13% per user" in told


def test_no_interval_is_said_with_its_reason():
    told = describe_estimate(Estimate(1.9, name="matched", no_interval="the bootstrap fails for matching", unit="USD"))
    assert told == "matched: 1.9 USD. How sure that is can't be said: the bootstrap fails for matching."


def test_each_value_of_a_vector_gets_its_sentence():
    both = Estimate.concat([estimate(2.0, 0.1, sample="s"), estimate(3.0, 0.1, sample="s")])
    assert describe_estimate(both).count("with 95% confidence") == 2


def refusals(kind=Refusal):
    return {kind, *(sub for direct in kind.__subclasses__() for sub in refusals(direct))}


@pytest.mark.parametrize("kind", sorted(refusals() - {Refusal}, key=lambda k: k.__name__), ids=lambda k: k.__name__)
def test_every_refusal_has_plain_words(kind):
    assert plain_reason(kind("a reason")), f"explain/words.py has no words for {kind.code}"
    assert kind.__module__ == errors.__name__


def test_a_refusal_says_question_reason_and_remedy():
    told = describe_refusal(NotIdentifiable("x and y are confounded", remedy="run an experiment"), "Does x move y?")
    assert told.startswith("Does x move y? No answer: these data can't tell")
    assert told.endswith("(x and y are confounded). What would help: run an experiment.")
    assert "What would help" not in describe_refusal(OneArm("all were treated"))


@pytest.mark.parametrize("strategy", ["randomised", "back-door", "front-door", "instrument", "mediation", "general"])
def test_every_strategy_is_told_without_gaps(strategy):
    estimand = Estimand(
        query=CausalQuery("voucher", "spend", population="treated"),
        strategy=strategy,
        expression=Probability(("spend",)),
        adjustment_set=("age",),
        instruments=("lottery",),
        mediators=("visits",),
    )
    told = describe_estimand(estimand)
    assert told.startswith("What voucher does to spend, on average over those who got it: ")
    assert "{" not in told


def test_nothing_to_adjust_for_is_told_as_such():
    estimand = Estimand(query=CausalQuery("x", "y"), strategy="back-door", expression=Probability(("y",), ("x",)))
    assert "nothing that is known causes both x and y" in describe_estimand(estimand)


def test_verdicts_and_lists():
    verdict = Verdict(check="overlap", status="failed", meaning="no overlap", remedy="trim")
    assert describe_verdict(verdict) == "Failed: overlap. No overlap. Trim."
    assert listing([f"v{i}" for i in range(12)]).endswith("v7 and 4 others")
    assert listing([]) == ""
    assert (sentence(""), sentence("why?")) == ("", "Why?")
