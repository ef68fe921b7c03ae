"""All attacks in a row, and what they found on one page."""

import textwrap
from collections.abc import Sequence
from typing import Any

from dorec.domain.errors import Refusal
from dorec.domain.estimate import Estimate
from dorec.domain.protocols import EffectLearner, Refuter
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.refute.attack import DEFAULT_CONTEXT
from dorec.refute.balance import Balance
from dorec.refute.data_subset import DataSubset
from dorec.refute.negative_controls import DummyOutcome
from dorec.refute.overlap import Overlap
from dorec.refute.placebo import PlaceboTreatment
from dorec.refute.random_common_cause import RandomCommonCause
from dorec.refute.sensitivity import Sensitivity
from dorec.refute.tipping_point import TippingPoint

DEFAULT_REFUTERS: tuple[Refuter, ...] = (
    PlaceboTreatment(),
    DummyOutcome(n_runs=2),
    RandomCommonCause(),
    DataSubset(),
    Balance(),
    Overlap(),
    Sensitivity(),
    TippingPoint(),
)
COLUMNS = {"check": 20, "result": 8, "statistic": 10, "p": 6, "what it means, and what to do": 56}  # and their widths


class RefutationTable(list[Verdict]):
    """Verdicts in the order of the attacks: a list that prints as a table of one page.

    Example:
        >>> verdict = Verdict(check="overlap", status="passed", meaning="the arms overlap", statistic=0.9)
        >>> print(RefutationTable([verdict]))
        check                result   statistic  p      what it means, and what to do
        --------------------------------------------------------------------------------------------------------
        overlap              passed   0.9        -      The arms overlap.
        --------------------------------------------------------------------------------------------------------
        1 passed, 0 warnings, 0 failed
    """

    def __str__(self) -> str:
        return self.to_text()

    def rows(self) -> list[dict[str, Any]]:
        """Check, status, statistic, p-value, meaning, remedy and code of each, as plain data."""
        keys = ("check", "status", "statistic", "p_value", "meaning", "remedy", "code")
        return [{key: verdict.to_dict()[key] for key in keys} for verdict in self]

    def to_text(self) -> str:
        """The table, the last column wrapped; ends with how many passed."""
        rule = "-" * (sum(COLUMNS.values()) + len(COLUMNS) - 1)
        lines = [_line(list(COLUMNS)), rule]
        for v in self:
            text = textwrap.wrap(_sentences(v), COLUMNS["what it means, and what to do"]) or [""]
            facts = [v.check, v.status, _number(v.statistic, 3), _number(v.p_value, 2)]
            names = textwrap.wrap(v.check, COLUMNS["check"]) or [""]
            for i in range(max(len(text), len(names))):
                first = [names[i] if i < len(names) else "", *(facts[1:] if i == 0 else ["", "", ""])]
                lines.append(_line([*first, text[i] if i < len(text) else ""]))
        count = {status: sum(v.status == status for v in self) for status in ("passed", "warning", "failed")}
        warnings = f"{count['warning']} warning" + ("" if count["warning"] == 1 else "s")
        return "\n".join([*lines, rule, f"{count['passed']} passed, {warnings}, {count['failed']} failed"])


def refute_all(
    study: Study,
    learner: EffectLearner,
    estimate: Estimate,
    *,
    refuters: Sequence[Refuter] = DEFAULT_REFUTERS,
    context: RunContext = DEFAULT_CONTEXT,
) -> RefutationTable:
    """One verdict for each attack on an estimate, in the order of `refuters`: a list that prints as a page.

    An attack that the data don't allow (a part with too small an arm, for example) is a warning with the reason.
    By default: placebo treatment, dummy outcome, random common cause, data subset, balance, overlap, sensitivity
    (E-value) and tipping point, about fifteen refits of the learner on at most 10,000 units.

    Example:
        >>> import numpy as np
        >>> from dorec.estimate import AIPW
        >>> table = {"t": np.arange(400) % 2, "x": np.cos(np.arange(400.0)), "y": np.sin(np.arange(400.0) ** 2)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> learner = AIPW(n_folds=2)
        >>> [v.check for v in refute_all(study, learner, learner.fit(study).ate(), refuters=[Sensitivity(), Overlap()])]
        ['sensitivity', 'overlap']
    """
    verdicts = RefutationTable()
    for refuter in context.track(refuters, "refuting", len(refuters)):
        try:
            verdicts.append(refuter.refute(study, learner, estimate, context))
        except Refusal as refusal:
            verdicts.append(
                Verdict(
                    check=_name(refuter),
                    status="warning",
                    code=refusal.code,
                    meaning=f"this check could not be run: {refusal.reason}",
                    remedy=refusal.remedy,
                    evidence=refusal.evidence,
                )
            )
    return verdicts


def _name(refuter: Refuter) -> str:
    letters = "".join(f" {c.lower()}" if c.isupper() else c for c in type(refuter).__name__)
    return letters.strip()


def _sentences(verdict: Verdict) -> str:
    parts = [part.strip() for part in (verdict.meaning, verdict.remedy) if part.strip()]
    return " ".join(part[:1].upper() + part[1:] + ("" if part.endswith((".", "?", "!")) else ".") for part in parts)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}g}"


def _line(cells: Sequence[str]) -> str:
    return " ".join(cell.ljust(width) for cell, width in zip(cells, COLUMNS.values(), strict=True)).rstrip()
