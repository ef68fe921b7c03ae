"""The report's section on whom to treat: the card, how many get what, what that is worth, and the plan."""

from collections.abc import Mapping

from dorec.domain.decision import Decision
from dorec.explain import EstimateTable, FigureBlock, KeyFigures, Note, Section, Table, curve_figure
from dorec.loop.card_blocks import card_blocks, headline, plan_blocks
from dorec.loop.results import StageResult


def whom(results: Mapping[str, StageResult], decision: Decision | None = None) -> list[Section]:
    """Whom to treat, what that is worth, and whether to do it."""
    result = results.get("effects")
    if result is None or "policy/value" not in result.estimates:
        return []
    facts = result.facts
    blocks = [] if decision is None else [Note(headline(decision)), *card_blocks(decision)]
    blocks.append(KeyFigures([(str(arm), count, "units") for arm, count in facts["allocation"].items()]))
    if "uplift_curve" in result.tables:
        curve = result.tables["uplift_curve"].to_pydict()
        figure = curve_figure(
            {"gain": (curve["share"], curve["gain"])},
            bands={"gain": (curve["lower"], curve["upper"])},
            reference=("at random", curve["share"], curve["random"]),
            title="Gain when the most promising are treated first",
            x_label="share treated",
            y_label="gain per unit of the population",
        )
        blocks.append(FigureBlock(figure))
    numbers = [e for name, e in result.estimates.items() if name.startswith("policy/")]
    blocks.append(
        EstimateTable(numbers, caption="Chosen out of fold and valued by scores, so not flattered by the choice")
    )
    rows = [[name, price] for name, price in facts["prices"].items()]
    if rows:
        caption = "What one more unit of each limit would bring; 0 where it does not bind"
        blocks.append(Table(["limit", "price"], rows, caption=caption))
    if decision is not None and decision.plan is not None:
        blocks += plan_blocks(decision, metric=facts["outcomes"][0])
    chance = (
        f" Every arm keeps a probability of {facts['explore']:.1%}, so that the next log can tell."
        if facts["explore"]
        else ""
    )
    lead = f"Who gains most for what it costs, as far as the limits go; unit by unit in allocation.parquet.{chance}"
    return [Section("Whom to treat", lead=lead, blocks=blocks, anchor="whom")]
