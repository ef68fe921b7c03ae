"""Stage results -> sections of the report, one function a section; each is left out where there is nothing to say."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from dorec.domain.decision import Decision
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.graph import CausalGraph
from dorec.domain.verdict import Verdict
from dorec.explain import (
    AssumptionList,
    Block,
    Card,
    CardItem,
    Cards,
    Details,
    EstimateTable,
    FigureBlock,
    KeyFigures,
    Note,
    RefusalBlock,
    Section,
    Table,
    Text,
    VerdictList,
    bars_figure,
    forest_figure,
    funnel_figure,
    graph_figure,
    overlap_figure,
)
from dorec.loop.effect_sections import attack_pictures, varying
from dorec.loop.results import StageResult, as_refusal
from dorec.loop.treating_section import whom

Results = Mapping[str, StageResult]
CARDS, CARD_ITEMS = 6, 5


def sections(results: Results, left_out: Sequence[tuple[str, str]], decision: Decision | None = None) -> list[Section]:
    """Every section that has something to say, in reading order."""
    return [
        *data(results),
        *funnel(results),
        *effects(results),
        *modifiers(results),
        *whom(results, decision),
        *recommendations(results),
        *policies(results),
        *refusals(results, left_out),
    ]


def data(results: Results) -> list[Section]:
    """What was read, what was set aside, and what cleaning did."""
    if "ingest" not in results:
        return []
    facts = results["ingest"].facts
    tiles = [
        ("rows received", facts["received"], ""),
        ("stored", facts["stored"], f"{facts['in_store']:,} are in the store now"),
        ("duplicates", facts["duplicates"], "same content or same event id"),
        ("quarantined", facts["quarantined"], "kept with line, reason and bytes"),
    ]
    blocks: list[Block] = [KeyFigures(tiles)]
    if facts["duplicates"] and facts["in_store"] > facts["stored"]:
        blocks.append(Note("Rows that an earlier ingest had stored count as duplicates here: nothing is stored twice."))
    if facts["reasons"]:
        rows = [[reason, count] for reason, count in facts["reasons"].items()]
        blocks.append(Table(["reason of quarantine", "rows"], rows, caption="Rows that were set aside"))
    if "clean" in results and "steps" in results["clean"].facts:
        blocks += _cleaning(results["clean"].facts["steps"])
    roles = [
        [role, column, evidence.get(role, "")]
        for columns, evidence in zip(facts["columns"], facts["evidence"], strict=True)
        for role, column in columns.items()
    ]
    blocks.append(Details("How the columns were read", [Table(["meaning", "column", "because"], roles)]))
    lead = f"{facts['received']:,} rows were read; every one of them is accounted for."
    return [Section("The data", lead=lead, blocks=blocks, anchor="data")]


def _cleaning(steps: Sequence[Mapping[str, Any]]) -> list[Block]:
    rows = [
        [_words(step["name"]), step["dropped"], step["changed"], step["skipped_reason"] or step["description"]]
        for step in steps
    ]
    blocks: list[Block] = [
        Table(["step", "dropped", "changed", "what it does"], rows, caption="Cleaning, step by step")
    ]
    for step in steps:
        if step["examples"]:
            names = [name for name in step["examples"][0] if any(e.get(name) is not None for e in step["examples"])]
            shown = [[_text(example.get(name)) for name in names] for example in step["examples"][:5]]
            title = f"Examples: {_words(step['name'])}"
            blocks.append(Details(title, [Table(names, shown)]))
    return blocks


def funnel(results: Results) -> list[Section]:
    """From impression to purchase."""
    if "profile" not in results or "stages" not in results["profile"].facts:
        return []
    facts = results["profile"].facts
    rows = facts["stages"]
    tiles = [("events", facts["events"], ""), ("users", facts["users"], ""), ("items", facts["items"], "")]
    if facts.get("sessions"):
        tiles.append(("sessions", facts["sessions"], "a pause of 30 minutes ends one"))
    blocks: list[Block] = [KeyFigures(tiles)]
    if len(rows) > 1:
        caption = "Share of the users of one step who reach the next, with 95% intervals over users."
        blocks.append(FigureBlock(funnel_figure(rows, title="From step to step", caption=caption)))
    else:
        counts = facts["event_counts"]
        blocks.append(FigureBlock(bars_figure(list(counts), list(counts.values()), title="Events by type")))
    lead = f"{facts['users']:,} users and {facts['items']:,} items"
    if facts.get("first"):
        lead += f", from {str(facts['first'])[:10]} to {str(facts['last'])[:10]}"
    return [Section("Who did what", lead=lead + ".", blocks=blocks, anchor="funnel")]


def effects(results: Results) -> list[Section]:
    """What the treatment causes: naive and adjusted, overlap, attacks, graph, assumptions."""
    result = results.get("effects")
    if result is None or "question" not in result.facts:
        return []
    facts = result.facts
    blocks: list[Block] = [Text(f"**The question.** {facts['question']}")]
    shown = {kind: _of_kind(result, kind) for kind in ("naive", "adjusted")}
    if shown["adjusted"]:
        blocks += _forests(shown["naive"], shown["adjusted"])
        blocks.append(EstimateTable(_named(shown["adjusted"]), caption="Adjusted effects"))
        blocks.append(Details("Naive differences, not adjusted", [EstimateTable(_named(shown["naive"]))]))
        means = _of_kind(result, "arm means")
        blocks.append(Details("Mean outcome had everyone been in each arm", [EstimateTable(_named(means))]))
    if "propensity" in result.arrays and not facts["randomised"]:
        arms = list(facts["by_outcome"][facts["outcomes"][0]]["arms"])
        caption = "Where the arms share no ground, nothing can be compared."
        drawn = overlap_figure(result.arrays["propensity"], result.arrays["treatment"], arms, caption=caption)
        blocks.append(FigureBlock(drawn))
    if result.refusals:
        blocks.append(RefusalBlock([as_refusal(r) for r in result.refusals]))
    if result.verdicts:
        blocks += [Text("**Does it survive attack?**"), VerdictList(_distinct(result.verdicts))]
    blocks += attack_pictures(facts.get("attacked", {}))
    blocks += _graph(facts)
    return [
        Section("What it causes", lead=_effects_lead(facts), blocks=[*blocks, *_assumptions(facts)], anchor="effects")
    ]


def modifiers(results: Results) -> list[Section]:
    """For whom the effect differs, of the first outcome."""
    result = results.get("effects")
    if result is None or "question" not in result.facts:
        return []
    return varying(result.facts, _words(result.facts["outcomes"][0]))


def _effects_lead(facts: Mapping[str, Any]) -> str:
    if facts["randomised"]:
        return "A coin decided who was treated, so differences between the arms are effects."
    told = "No coin decided who was treated. The naive difference mixes the effect with who was chosen; the adjusted "
    strategies = {one["estimand"]["strategy"] for one in facts["by_outcome"].values()}
    if strategies and "back-door" not in strategies:
        return told + "estimate follows the formula that the graph gives."
    return told + "estimate compares units that are alike in all that was measured before."


def _of_kind(result: StageResult, kind: str) -> dict[str, Estimate]:
    return {
        k.rsplit("/", 1)[0]: e for k, e in result.estimates.items() if k.endswith(f"/{kind}") and k[:7] != "policy/"
    }


def _named(estimates: Mapping[str, Estimate]) -> list[Estimate]:
    """Scalars whose names say the outcome, too."""
    rows = []
    for outcome, estimate in estimates.items():
        rows += [_renamed(part, f"{_words(outcome)}: {part.name}") for part in estimate.scalars()]
    return rows


def _renamed(estimate: Estimate, name: str) -> Estimate:
    return replace(estimate, name=name)


def _forests(naive: Mapping[str, Estimate], adjusted: Mapping[str, Estimate]) -> list[Block]:
    """One forest plot an outcome, since outcomes have scales of their own."""
    blocks: list[Block] = []
    for outcome, estimate in adjusted.items():
        pairs = [("naive", naive[outcome]), ("adjusted", estimate)]
        rows = [(group, part) for group, e in pairs for part in _named({outcome: e})]
        rows.sort(key=lambda row: str(row[1].name))
        figure = forest_figure(
            [_renamed(part, f"{str(part.name).split(': ', 1)[1]}, {group}") for group, part in rows],
            title=f"Effect on {_words(outcome)}",
            groups=[group for group, _ in rows],
        )
        blocks.append(FigureBlock(figure))
    return blocks


def _graph(facts: Mapping[str, Any]) -> list[Block]:
    if "graph" not in facts:
        told = facts.get("graph_refused")
        return [Note(f"No graph was drawn from the data: {told}")] if told else []
    graph = CausalGraph.from_dict(facts["graph"])
    roles = {facts["treatment"]: "treatment", **dict.fromkeys(facts["outcomes"], "outcome")}
    caption = (
        f"What {facts['rows_for_graph']:,} rows say ({facts['graph_method']}), with time order as knowledge: first "
        "covariates, then treatment, then outcomes. An edge is as thick as the share of "
        "resamples that have it. It assumes that no hidden cause is shared; the estimate above does not rest on it."
    )
    highlight = {node: role for node, role in roles.items() if node in graph.nodes}
    drawn = graph_figure(graph, tiers=facts["tiers"], highlight=highlight, title="What may cause what", caption=caption)
    blocks: list[Block] = [FigureBlock(drawn)]
    if facts["graph_left_out"]:
        rows = [[name, why] for name, why in facts["graph_left_out"].items()]
        blocks.append(Details("Columns that are not in the graph", [Table(["column", "because"], rows)]))
    checks = [Verdict(**fields) for fields in facts["graph_checks"]]
    return [*blocks, Details("Do the data agree with this graph?", [VerdictList(checks)])]


def _assumptions(facts: Mapping[str, Any]) -> list[Block]:
    found = [o["estimand"] for o in facts["by_outcome"].values() if "estimand" in o]
    if not found:
        return []
    blocks: list[Block] = [Text("**What has to be true for this to hold**"), AssumptionList(found[0]["assumptions"])]
    if facts["notes"]:
        blocks.append(Details("How the units were made", [AssumptionList(facts["notes"])]))
    blocks.append(Details("The estimand", [Text(f"`{found[0]['query']} = {found[0]['expression']}`")]))
    if facts["left_out"]:
        rows = [[name, why] for name, why in facts["left_out"].items()]
        blocks.append(Details("Columns that are no covariates", [Table(["column", "because"], rows)]))
    if not facts["randomised"]:
        blocks.append(
            Note(
                "**What can't be known from these data:** whether something that was not measured decided both who was "
                "treated and how they fared. Where a sensitivity check stands above, it says how strong that would "
                "have to be. Only a coin settles it: treat a random part next time.",
                tone="warning",
            )
        )
    return blocks


def recommendations(results: Results) -> list[Section]:
    """Models compared, and what the best one would show."""
    result = results.get("recommend")
    if result is None or "best" not in result.facts:
        return []
    facts = result.facts
    best = {name: estimate[0] for name, estimate in result.estimates.items()}
    bounds = {name: Interval(e.value, e.value) if e.no_interval else e.interval() for name, e in best.items()}
    how = {"temporal": "the future", "leave_last_out": "each user's last item", "random": "a random part"}[
        facts["split"]
    ]
    chart = bars_figure(
        list(best),
        [e.value for e in best.values()],
        lower=[b.lower for b in bounds.values()],
        upper=[b.upper for b in bounds.values()],
        title=f"NDCG@{facts['k']} on {how}",
        caption="Full ranking over all items, items of the training part left out; intervals over users.",
    )
    blocks: list[Block] = [FigureBlock(chart), _metrics(result)]
    rows = [[d["model"], d["value"], d["lower"], d["upper"], d["p_value"]] for d in facts["differences"]]
    if rows:
        names = ["model", "NDCG minus popularity's", "lower", "upper", "p, adjusted"]
        inner = Table(
            names, rows, caption="Paired over users; intervals hold jointly", formats={"p, adjusted": "p_value"}
        )
        blocks.append(Details("Is the difference real?", [inner]))
    if result.verdicts:
        blocks.append(Details("Leak audit of the split", [VerdictList(result.verdicts)]))
    blocks.append(cards(result.tables["recommendations"]))
    lead = (
        f"{facts['best']} ranks best of {len(best)} models and was fitted again on all "
        f"{facts['interactions']:,} interactions."
    )
    return [Section("What to show", lead=lead, blocks=blocks, anchor="recommend")]


def _metrics(result: StageResult) -> Block:
    names = [str(n) for n in next(iter(result.estimates.values())).name]
    rows = [[model, *[float(v) for v in estimate.value]] for model, estimate in result.estimates.items()]
    return Details("Every metric", [Table(["model", *names], rows)])


def cards(
    table: pa.Table, caption: str = "The most active users; all recommendations are in recommendations.parquet."
) -> Block:
    """The first lists of a table of recommendations, a card a user."""
    columns = table.to_pydict()
    by_user: dict[str, list[CardItem]] = {}
    names = ("user_id", "title", "score", "because", "fallback")
    for user, title, score, because, fallback in zip(*(columns[name] for name in names), strict=True):
        items = by_user.setdefault(str(user), [])
        if len(by_user) <= CARDS and len(items) < CARD_ITEMS:
            reason = f"because of {because}" if because else "popular with everyone"
            items.append(CardItem(title, score=score, reason=reason, fallback=fallback))
    return Cards([Card(user, items) for user, items in list(by_user.items())[:CARDS]], caption=caption)


def policies(results: Results) -> list[Section]:
    """What other policies would have earned."""
    result = results.get("off_policy")
    if result is None or not result.estimates:
        return []
    facts = result.facts
    rows = list(result.estimates.values())
    named = [_renamed(e, label) for label, e in zip(result.estimates, rows, strict=True)]
    ess = [[name, size, size / facts["decisions"]] for name, size in facts["effective_sample_size"].items()]
    blocks: list[Block] = [
        FigureBlock(forest_figure(named, title="Reward per decision", reference=named[0].value)),
        EstimateTable(named, caption="Value of each policy, judged on the same log"),
        Table(
            ["policy", "effective sample size", "share"],
            ess,
            formats={"share": "percent"},
            caption="How much the log says",
        ),
        VerdictList(_distinct(result.verdicts)),
    ]
    lead = (
        f"{facts['decisions']:,} logged decisions over {facts['actions']:,} actions, re-weighted by the probabilities "
        f"that were logged with them. {facts['set_aside']:,} rows without a valid probability were set aside."
    )
    return [Section("What another policy would be worth", lead=lead, blocks=blocks, anchor="policies")]


def refusals(results: Results, left_out: Sequence[tuple[str, str]]) -> list[Section]:
    """What was not answered, and why."""
    refused = [as_refusal(r) for name, result in results.items() if name != "effects" for r in result.refusals]
    if not refused and not left_out:
        return []
    blocks: list[Block] = []
    if refused:
        blocks.append(RefusalBlock(refused))
    if left_out:
        blocks.append(Table(["station", "why"], [list(row) for row in left_out], caption="Left out of this run"))
    return [Section("What was not answered", lead="A number that the data can't give is not given.", blocks=blocks)]


def truth(rows: Sequence[tuple[str, Estimate, float | None]], describe: str) -> Section:
    """Estimates beside the truth of a simulated world; a table for each kind of number, as each has its own scale."""
    blocks: list[Block] = [Text(describe)]
    kinds: dict[str, list[tuple[str, Estimate, float | None]]] = {}
    for label, estimate, value in rows:
        kinds.setdefault(label.split(",")[0], []).append((label, estimate, value))
    for kind, of_kind in kinds.items():
        named = [_renamed(estimate, label) for label, estimate, _ in of_kind]
        known = {label: value for label, _, value in of_kind if value is not None}
        blocks.append(EstimateTable(named, truth=known, caption=kind[0].upper() + kind[1:]))
    lead = (
        "This shop is simulated, so the truth is known. The naive difference misses it; a 95% interval of the causal "
        "ones should cover it nineteen times in twenty."
    )
    return Section("Beside the truth", lead=lead, blocks=blocks, anchor="truth")


def _distinct(verdicts: Sequence[Verdict]) -> list[Verdict]:
    return list({(v.check, v.meaning): v for v in verdicts}.values())


def _text(value: Any) -> Any:
    return value if isinstance(value, int | float) or value is None else str(value)


def _words(name: str) -> str:
    return name.replace("_", " ")
