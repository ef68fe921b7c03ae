"""Whom a run would treat, as a decision: its card, entered once into the study's ledger."""

from dorec.domain.decision import Decision, Reversal
from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate
from dorec.loop.deciding import Promise, decide, trial_plan
from dorec.loop.results import StageResult, key_of
from dorec.loop.workspace import Workspace

KIND = "treatment policy"


def enter_card(workspace: Workspace, inputs: dict[str, str]) -> Decision | None:
    """The card of the allocation, entered once for the same content; None where there is nothing to decide.

    A run with the same inputs and settings comes to the same card, which stays the one that was entered first, with
    what was measured since.

    Args:
        workspace: of a run whose stages are done.
        inputs: path -> SHA-256 of the study's files.
    """
    result = workspace.results.get("effects")
    promise = None if result is None else promise_of(result, inputs)
    if promise is None:
        return None
    decisions = workspace.folder.decisions
    card = decide(promise, record=decisions.record())
    try:
        decisions.enter(card)
    except InputError:  # it is there already
        return decisions.card(card.decision_id)
    return card


def promise_of(result: StageResult, inputs: dict[str, str]) -> Promise | None:
    """What the allocation of an effects stage promises over treating no one; None where no one is treated.

    Example:
        >>> import numpy as np
        >>> gain = Estimate.of_mean(np.array([0.0, 0.5, 1.0, 0.7]), name="gain")
        >>> facts = {"treatment": "mail", "outcomes": ["spend"], "allocation": {"none": 1, "mail": 3},
        ...          "untreated": 2.0, "outcome_sd": 1.0, "by_outcome": {}}
        >>> made = promise_of(StageResult(facts=facts, estimates={"policy/value": gain}), {})
        >>> made.question, round(made.value.value, 2), made.plan.n_control
        ('Should mail be given as allocated (to 3 of 4 units), by spend?', 2.55, 52)
    """
    gain, facts = result.estimates.get("policy/value"), result.facts
    if gain is None:
        return None
    counts, outcome = [int(n) for n in facts["allocation"].values()], facts["outcomes"][0]
    if not sum(counts[1:]):
        return None
    question = f"Should {facts['treatment']} be given as allocated (to {sum(counts[1:]):,} of {sum(counts):,} "
    question += f"units), by {outcome}?"
    base = Estimate(float(facts["untreated"]), no_interval="a point to compare with", name="value of treating no one")
    content = key_of(question, counts, f"{gain.value:.6g}", f"{gain.std_error:.6g}", sorted(inputs.values()))
    return Promise(
        decision_id=f"whom-{content[:8]}",
        question=question,
        gain=gain,
        value=gain + float(facts["untreated"]),
        incumbent_value=base,
        kind=KIND,
        candidate="the allocation",
        incumbent="treating no one",
        assumptions=_assumptions(result, outcome),
        sensitivity=_hidden(result),
        plan=trial_plan(gain, sd=float(facts["outcome_sd"]), unit="unit"),
        inputs=inputs,
    )


def _assumptions(result: StageResult, outcome: str) -> tuple[str, ...]:
    estimand = result.facts["by_outcome"].get(outcome, {}).get("estimand", {})
    return (*estimand.get("assumptions", ()), "the units to come are like those of the data")


def _hidden(result: StageResult) -> tuple[Reversal, ...]:
    """How strong a hidden confounder would have to be, where the effects were not randomised."""
    found = result.facts.get("attacked", {}).get("hidden")
    if not found:
        return ()
    least = float(found["robustness_value_limit"])
    told = (
        f"Something hidden that explains {least:.1%} of what is left of both treatment and outcome would take the "
        f"interval of the average effect of {found['contrast']} to 0, {float(found['robustness_value']):.1%} the "
        "effect itself."
    )
    return (Reversal(what="hidden confounder", threshold=least, meaning=told),)
