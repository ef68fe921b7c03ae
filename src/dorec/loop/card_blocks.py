"""A decision card as blocks of a page: the call, what would change it, and the experiment that would settle it."""

from collections.abc import Sequence

from dorec.domain.decision import Decision
from dorec.explain import Block, KeyFigures, Note, Table, Text
from dorec.explain.numbers import number, value_and_bounds

CALLS = {"ship": "Ship", "don't ship": "Don't ship", "test": "Test"}


def headline(card: Decision) -> str:
    """The call and its reason in a sentence.

    >>> headline(Decision(decision_id="d", question="q", choice="ship", reason="gain_shown", gain=1.0,
    ...                   meaning="the gain is at least 0.3 (95% confidence)"))
    'Ship: the gain is at least 0.3 (95% confidence).'
    """
    return f"{CALLS[card.choice]}: {card.meaning}."


def card_blocks(card: Decision) -> list[Block]:
    """The call, the gain, doubts, and what would change it."""
    gain, low, high = three(card.gain, card.lower, card.upper)
    tiles = [("call", CALLS[card.choice], card.reason.replace("_", " ")), ("gain", gain, f"{low} to {high}")]
    if card.value is not None:
        value, low, high = three(card.value, card.value_lower, card.value_upper)
        tiles.append((f"value of {card.candidate}", value, f"{low} to {high}"))
    if card.incumbent_value is not None:
        tiles.append((f"value of {card.incumbent}", three(card.incumbent_value, None, None)[0], "the incumbent"))
    blocks: list[Block] = [KeyFigures(tiles)]
    if card.doubts:
        blocks.append(Note("\n\n".join(card.doubts), tone="warning"))
    if card.reversals:
        blocks.append(Text("**What would change this**\n\n" + "\n".join(f"- {r.meaning}" for r in card.reversals)))
    if card.calibration:
        blocks.append(Note(f"Past promises: {card.calibration}"))
    return blocks


def plan_blocks(card: Decision, *, metric: str = "REWARD") -> list[Block]:
    """The experiment that would settle it, and the command that reads it; nothing without a plan."""
    plan = card.plan
    if plan is None:
        return []
    rows = [["units an arm", f"{max(plan.n_control, plan.n_treatment):,} {plan.unit}s"]]
    rows += [["gain that it sees", f"{plan.effect:.4g} with {plan.power:.0%} power"]]
    rows += [] if plan.days is None else [["days", f"{plan.days:,}"]]
    rows += [[f"guardrail {name}", f"sees a change of {size:.4g}"] for name, size in plan.guardrails.items()]
    command = f"dorec experiment FILE --variant ARM --metric {metric} --decision {card.decision_id} --study FOLDER"
    return [
        Table(["", ""], rows, caption="The experiment that would settle it"),
        Text("\n".join([*(f"- stop at: {what}" for what in plan.watch), f"- afterwards: `{command}`"])),
    ]


def three(value: float, lower: float | None, upper: float | None) -> Sequence[str]:
    """A value and its bounds as text, with a question mark for each that is not known."""
    if lower is None or upper is None:
        return number(value), "?", "?"
    return value_and_bounds(value, float(lower), float(upper))
