"""What `dorec evaluate` is asked, and what is wrong with that before anything is judged."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dorec.domain.errors import ColumnNotFound, ConfigError, InputError, did_you_mean
from dorec.domain.table import column, is_numeric
from dorec.loop.bandit_log import LogColumns
from dorec.loop.policies import Log
from dorec.loop.policy_values import AUTO, ESTIMATORS

LOGGED = "logged"


@dataclass(frozen=True, kw_only=True)
class EvaluateRequest:
    """What `dorec evaluate` is asked.

    Example:
        >>> asked = EvaluateRequest(source=Path("log.csv"), columns=LogColumns(action="a", reward="r", propensity="p"))
        >>> asked.policies, asked.incumbent
        (('best',), 'logged')
    """

    source: Path
    columns: LogColumns
    policies: tuple[str, ...] = ("best",)
    incumbent: str = LOGGED
    estimators: tuple[str, ...] = AUTO
    segment: str | None = None
    margin: float = 0.0
    max_unsupported: float = 0.01
    effect: float | None = None  # that the trial is to see
    per_day: float | None = None  # units a day of the trial
    guardrails: tuple[str, ...] = ()  # columns that must not get worse
    question: str = ""
    study: Path | None = None  # where the card is entered


def check_request(request: EvaluateRequest) -> None:
    """Refuses options that no log could fit."""
    for name in request.estimators:
        if name not in ESTIMATORS:
            raise ConfigError(
                f"--estimators {name!r} is not known; allowed: auto, {', '.join(ESTIMATORS)}."
                f"{did_you_mean(name, ESTIMATORS)}"
            )
    if not np.isfinite(request.margin):
        raise InputError(f"margin is {request.margin}; give a number, the gain below which shipping does not pay.")
    if not request.policies:
        raise ConfigError("evaluate needs a policy to judge: --policy FILE, a column of the log, uniform, best, ...")
    if len(set(request.policies)) < len(request.policies) or request.incumbent in request.policies:
        raise ConfigError("A policy is named twice, or is its own incumbent; name each once.")
    if request.effect is not None and not request.effect > 0:
        raise ConfigError(f"--effect is {request.effect}; give the gain that the experiment is to see, above 0.")


def check_sides(request: EvaluateRequest, log: Log) -> None:
    """Refuses a segment or a guardrail that is no column of the log, or none of numbers."""
    for name in (*([request.segment] if request.segment else []), *request.guardrails):
        if name not in log.table.column_names:
            raise ColumnNotFound(name, log.table.column_names, request.source.name)
    for name in request.guardrails:
        if not is_numeric(column(log.table, name)):
            raise InputError(f"The guardrail {name!r} holds text; give a column of numbers.")
