"""Figures of attacks on an estimate, from plain numbers: balance of the arms, hidden confounding."""

from collections.abc import Mapping, Sequence
from typing import Any

from dorec.domain.errors import InputError
from dorec.domain.explanation import Figure
from dorec.numeric.arrays import AnyArray


def love_figure(
    names: Sequence[str],
    before: Sequence[float],
    after: Sequence[float],
    *,
    threshold: float = 0.1,
    most: int = 30,
    title: str = "How far the arms differ, before and after weighting",
    caption: str = "",
    x_label: str = "difference in standard deviations, without sign",
) -> Figure:
    """A Love plot of standardised mean differences, the farthest before weighting first.

    Args:
        names: of the covariates, (p,).
        before: differences before weighting, (p,).
        after: differences after weighting, (p,).
        threshold: up to which the arms count as alike.
        most: covariates that are drawn; the caption counts the rest.

    Example:
        >>> love_figure(["age", "visits"], [0.1, -0.6], [0.0, 0.05]).data["names"]
        ['visits', 'age']
    """
    if not len(names) == len(before) == len(after):
        raise InputError(
            f"{len(names)} covariates have {len(before)} differences before and {len(after)} after; give one for each."
        )
    order = sorted(range(len(names)), key=lambda j: -max(abs(before[j]), abs(after[j])))
    left = len(order) - most
    told = f"{left:,} more covariates differ less." if left > 0 else ""
    content: dict[str, Any] = {
        "names": [str(names[j]) for j in order[:most]],
        "before": [float(before[j]) for j in order[:most]],
        "after": [float(after[j]) for j in order[:most]],
        "threshold": float(threshold),
    }
    said = " ".join(text for text in (caption, told) if text)
    return Figure(kind="love", title=title, caption=said, x_label=x_label, data=content)


def sensitivity_figure(
    r2_treatment: Sequence[float],
    r2_outcome: Sequence[float],
    bound: AnyArray,
    *,
    benchmarks: Mapping[str, tuple[float, float]] | None = None,
    title: str = "What a hidden confounder would leave of the effect",
    caption: str = "",
) -> Figure:
    """The effect that a hidden confounder of each strength would leave, as a heat map; the colour turns with its sign.

    Args:
        r2_treatment: (m,) shares of the treatment's leftover variation that the confounder explains: columns.
        r2_outcome: (q,) shares of the outcome's: rows.
        bound: (q, m) what is left of the effect at worst.
        benchmarks: measured covariates as (share of treatment, share of outcome); told in the caption.

    Example:
        >>> left = [[1.0, 1.0], [1.0, -0.5]]
        >>> figure = sensitivity_figure([0.0, 0.1], [0.0, 0.2], left, benchmarks={"age": (0.05, 0.1)})
        >>> figure.data["columns"], figure.caption
        (['0%', '10%'], 'As strong as age: 5% of the treatment, 10% of the outcome.')
    """
    values = [[float(v) for v in row] for row in bound]
    if len(values) != len(r2_outcome) or any(len(row) != len(r2_treatment) for row in values):
        raise InputError(
            f"bound has {len(values)} rows of {[len(row) for row in values][:3]}; give {len(r2_outcome)} rows of "
            f"{len(r2_treatment)}."
        )
    told = [
        f"As strong as {name}: {share(t)} of the treatment, {share(y)} of the outcome."
        for name, (t, y) in (benchmarks or {}).items()
    ]
    return Figure(
        kind="heatmap",
        title=title,
        caption=" ".join(text for text in (caption, *told) if text),
        x_label="share of the treatment's leftover variation that the confounder explains",
        y_label="share of the outcome's",
        data={
            "rows": [f"outcome {share(y)}" for y in r2_outcome],
            "columns": [share(t) for t in r2_treatment],
            "values": values,
        },
    )


def share(value: float) -> str:
    """A share of one as a short percentage.

    >>> share(0.05), share(0.0123)
    ('5%', '1.2%')
    """
    return f"{100 * value:.2g}%" if value < 0.995 else f"{100 * value:.0f}%"
