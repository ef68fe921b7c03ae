"""`dorec demo`: a shop whose truth is known, the whole loop on its log, and every estimate beside its truth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from dorec.domain.estimate import Estimate
from dorec.domain.run import RunContext
from dorec.experiment import Mean, analyze
from dorec.loop.init import Sources, init_study
from dorec.loop.report import rewrite_with_truth
from dorec.loop.run import RunSummary, run_study
from dorec.simulate import ShopWorld

Row = tuple[str, Estimate, float | None]


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """The run, and each estimate with the truth of the simulated shop; see `run_demo`.

    Example:
        >>> sorted(DemoResult.__dataclass_fields__)
        ['rows', 'summary']
    """

    summary: RunSummary
    rows: Sequence[Row]

    def to_dict(self) -> dict[str, Any]:
        """The table as plain data."""
        return {
            "report": str(self.summary.report),
            "estimates": [{"question": label, "truth": truth, **e.to_dict()} for label, e, truth in self.rows],
        }


def run_demo(
    folder: Path, *, n_users: int = 3000, n_items: int = 300, seed: int = 0, context: RunContext | None = None
) -> DemoResult:
    """Simulate a shop, write its tables, `init`, `run`, and compare with the truth.

    Args:
        folder: of the study; the shop's tables go to its folder `data`.
        n_users: users of the shop.
        n_items: items of the shop.
        seed: another seed, another shop.
        context: threads and progress.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as name:
        ...     result = run_demo(Path(name), n_users=300, n_items=40, seed=1)
        >>> [label for label, _, truth in result.rows if truth is not None][:2]
        ['voucher on spend, naive difference', 'voucher on spend, adjusted (AIPW)']
    """
    context = context or RunContext()
    world = ShopWorld(n_users=n_users, n_items=n_items, seed=seed)
    sources = write_shop(world, folder / "data")
    init_study(folder, sources, name="A simulated shop", force=True)
    summary = run_study(folder, context=replace(context, seed=seed), command=f"dorec demo {folder}")
    rows = [*_effect(world, summary), *_policies(world, summary), *_experiment(world)]
    report = rewrite_with_truth(summary, rows, world.describe())
    return DemoResult(summary=replace(summary, report=report), rows=rows)


def write_shop(world: ShopWorld, folder: Path) -> Sources:
    """The shop's tables as files, as a real shop would export them."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "events": world.event_table(),
        "items": world.items(),
        "users": world.users(),
        "promotions": world.promotions(),
    }
    for name, table in tables.items():
        pyarrow.parquet.write_table(table, folder / f"{name}.parquet")
    path = {name: str(folder / f"{name}.parquet") for name in tables}
    return Sources(events=path["events"], items=[path["items"]], users=[path["users"]], treatments=[path["promotions"]])


def _effect(world: ShopWorld, summary: RunSummary) -> list[Row]:
    """The voucher's effect: naive and adjusted beside the truth, and what the chosen users would gain."""
    found = summary.results["effects"].estimates
    truth = world.true_ate()
    labels = {"naive": "voucher on spend, naive difference", "adjusted": "voucher on spend, adjusted (AIPW)"}
    rows: list[Row] = []
    for name, label in labels.items():
        estimate = next((e for key, e in found.items() if key.endswith(f"/{name}")), None)
        if estimate is not None:
            rows.append((label, estimate, truth))
    return rows


def _policies(world: ShopWorld, summary: RunSummary) -> list[Row]:
    """Views per impression under policies that were never run."""
    found = summary.results["off_policy"].estimates if "off_policy" in summary.results else {}
    uniform = np.full(world.n_items, 1 / world.n_items)
    rows: list[Row] = []
    for method in ("IPS", "SNIPS", "DoublyRobust"):
        estimate = found.get(f"uniform ({method})")
        if estimate is not None:
            rows.append((f"views per impression, uniform policy, {method}", estimate, world.true_value(uniform)))
    return rows


def _experiment(world: ShopWorld) -> list[Row]:
    """The same voucher in an A/B test: a coin decides, so the difference is the effect; CUPED narrows it."""
    test = replace(world, confounding=0.0, replica=1)
    table: pa.Table = test.units()
    found = analyze(table, treatment="treatment", metrics=[Mean("spend_in_window")], control="none")
    with_cuped = analyze(
        table,
        treatment="treatment",
        metrics=[Mean("spend_in_window", covariate="spend_before")],
        control="none",
    )
    truth = test.true_ate()
    return [
        ("voucher on spend, A/B test", found["spend_in_window"], truth),
        ("voucher on spend, A/B test with CUPED", next(iter(with_cuped.values())), truth),
    ]
