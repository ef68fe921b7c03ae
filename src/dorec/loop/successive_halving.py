"""Which hyperparameters? Successive halving over frozen learners, resumable, with a leaderboard.

Many configurations are tried on few users, the best third of them on three times as many, and so on to all (Jamieson
and Talwalkar 2016, arXiv 1502.07943). Every result is kept under the content of what it came from.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, InputError, Refusal
from dorec.domain.estimate import fingerprint
from dorec.domain.run import RunContext
from dorec.evaluate import ranking
from dorec.evaluate.ranking_metrics import ACCURACY
from dorec.numeric.folds import hash64, mix64, within_share
from dorec.numeric.memo import content_of
from dorec.profile import Split, random_split, temporal_split
from dorec.recommend import make

if TYPE_CHECKING:
    import pyarrow as pa

DEFAULT_CONTEXT = RunContext()
FEWEST_USERS = 50  # in the smallest sample


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One configuration on one sample of the users."""

    learner: str  # as it prints: its class and hyperparameters
    share: float  # of the users
    value: float | None  # of the metric; None where the learner refused
    std_error: float | None
    seconds: float  # of the fit
    refusal: str = ""


@dataclass(frozen=True)
class Leaderboard:
    """All trials, and the learner that did best on all users.

    Example:
        >>> trial = Trial(learner="EASE(reg=30.0)", share=1.0, value=0.4, std_error=0.01, seconds=0.5)
        >>> print(Leaderboard(best=None, trials=(trial,), metric="ndcg@10"))
         ndcg@10       +-  users  seconds  learner
          0.4000   0.0100   100%     0.50  EASE(reg=30.0)
    """

    best: Any  # a frozen learner, not fitted
    trials: tuple[Trial, ...]  # of the largest share first, the best first
    metric: str

    def to_arrow(self) -> "pa.Table":
        """One row a trial, the best on the most users first."""
        import pyarrow as pa

        return pa.Table.from_pylist([vars(trial) for trial in self.trials])

    def __str__(self) -> str:
        lines = [f"{self.metric:>8}  {'+-':>7}  users  seconds  learner"]
        for t in self.trials:
            value = f"{'refused':>8}  {'':>7}" if t.value is None else f"{t.value:8.4f}  {t.std_error:7.4f}"
            lines.append(f"{value}  {t.share:5.0%}  {t.seconds:7.2f}  {t.learner}")
        return "\n".join(lines)


def grid(name: str, **choices: Iterable[Any]) -> list[Any]:
    """Every combination of some hyperparameters of a recommender by name.

    Example:
        >>> grid("ease", reg=[100.0, 300.0])
        [EASE(reg=100.0, weighting='binary', max_items=20000), EASE(reg=300.0, weighting='binary', max_items=20000)]
    """
    values = [list(options) for options in choices.values()]
    return [make(name, **dict(zip(choices, chosen, strict=True))) for chosen in product(*values)]


def search(
    learners: Sequence[Any],
    dataset: Dataset | Split,
    *,
    metric: str = "ndcg",
    k: int = 10,
    exclude_seen: bool = True,
    test_fraction: float = 0.2,
    eta: int = 3,
    kept: Path | None = None,
    context: RunContext = DEFAULT_CONTEXT,
) -> Leaderboard:
    """The best of many learners on held-out interactions, by successive halving.

    Held out is what came last where the interactions have times, else a random share of each user's, unless a split is
    handed in. Judge the winner on a test of its own: its value here is that of the best of many.

    Args:
        learners: frozen, not fitted; those of `grid`, of several classes if you like.
        dataset: what may be learned from, or a split of it; keep the last test out of it.
        metric: of accuracy, as in `evaluate.ranking`: of the others more is not always better.
        k: length of the lists.
        exclude_seen: whether items of the training part are out of the race.
        test_fraction: share that is held out, where no split is given.
        eta: only one in eta goes on to eta times the users.
        kept: a file of results, which an interrupted search picks up again.
        context: progress; the seed decides samples and fits.

    Raises:
        ConfigError: the metric is none of accuracy.
        InputError: no learner, eta below 2, or every learner refused.

    Example:
        >>> from dorec.recommend import EASE
        >>> rng = np.random.default_rng(0)
        >>> user = np.repeat(np.arange(80), 10)
        >>> rows = {"u": user, "i": rng.integers(0, 15, 800) * 2 + user % 2}
        >>> data = Dataset.from_interactions(rows, user="u", item="i")
        >>> found = search([EASE(reg=r) for r in (1.0, 30.0, 1e6)], data)
        >>> found.best.reg < 1e6, len(found.trials)
        (True, 3)
    """
    if not learners or eta < 2:
        raise InputError(f"search got {len(learners)} learner(s) and eta = {eta}; give one or more, and eta from 2 on.")
    check_deciding(metric)
    made, on_data = _made(dataset, test_fraction)
    diary = Diary.open(kept)
    alive, trials = list(dict.fromkeys(learners)), {}
    for share in shares(len(alive), made.train.n_users, eta):
        sample = _sampled(made, share, context.seed)
        for learner in context.track(alive, f"trials on {share:.0%} of the users", len(alive)):
            key = content_of(on_data, repr(learner), share, metric, k, exclude_seen, context.seed)
            found = diary.find(key)
            if found is None:
                judged = {"metrics": (metric,), "k": k, "exclude_seen": exclude_seen}
                found = _tried(learner, sample, share, judged, context)
                diary.enter(key, found)
            trials[repr(learner), share] = found
        ranked = sorted(alive, key=lambda x, share=share: -_value(trials[repr(x), share]))  # type: ignore[misc]
        alive = ranked[: max(1, -(-len(alive) // eta))] if share < 1 else ranked
    order = in_order(trials.values())
    if order[0].value is None:
        raise InputError(f"Every learner refused; the first said: {order[0].refusal}")
    return Leaderboard(best=alive[0], trials=order, metric=f"{metric}@{k}")


def in_order(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """Trials as a leaderboard shows them: those on the most users first, the best of them first."""
    return tuple(sorted(trials, key=lambda t: (-t.share, -_value(t), t.learner)))


def shares(n_learners: int, n_users: int, eta: int) -> list[float]:
    """The shares of the users that the rounds go through, the last one all.

    >>> [round(s, 3) for s in shares(20, 10_000, 3)], shares(2, 10_000, 3), shares(20, 100, 3)
    ([0.111, 0.333, 1.0], [1.0], [1.0])
    """
    found, left = [1.0], float(n_learners)
    while left > eta and found[0] / eta * n_users >= FEWEST_USERS:
        found.insert(0, found[0] / eta)
        left /= eta
    return found


class Diary:
    """Trials by the content of what they came from, one line of JSON each, in a file that only grows."""

    def __init__(self, path: Path | None, known: Mapping[str, Trial]) -> None:
        self.path, self.known = path, dict(known)

    @classmethod
    def open(cls, path: Path | None) -> "Diary":
        """What a file holds; a last line that was cut off is left out."""
        known = {}
        if path is not None and path.exists():
            text = path.read_text()
            for line in text.splitlines():
                try:
                    entry = json.loads(line)
                    key = entry.pop("key")
                    known[key] = Trial(**entry)
                except (ValueError, TypeError, KeyError):
                    continue
            if text and not text.endswith("\n"):
                path.write_text(text + "\n")  # so that what follows a line that was cut off is a line of its own
        return cls(path, known)

    def find(self, key: bytes | None) -> Trial | None:
        """The trial with that key."""
        return None if key is None else self.known.get(key.hex())

    def enter(self, key: bytes | None, trial: Trial) -> None:
        """Keep a trial."""
        if self.path is None or key is None:
            return
        with self.path.open("a") as file:
            file.write(json.dumps({"key": key.hex(), **vars(trial)}) + "\n")


def check_deciding(metric: str) -> None:
    """Refuse to choose by a metric of which more is not better.

    >>> check_deciding("gini")
    Traceback (most recent call last):
    dorec.domain.errors.ConfigError: 'gini' can't choose a model: more of it is not better. Choose by one of ndcg, ...
    """
    if metric not in ACCURACY:
        raise ConfigError(
            f"{metric!r} can't choose a model: more of it is not better. Choose by one of {', '.join(ACCURACY)}; "
            "others may be reported beside it."
        )


def _made(dataset: Dataset | Split, test_fraction: float) -> tuple[Split, str]:
    """The split that trials are judged on, and a fingerprint of it."""
    if isinstance(dataset, Split):
        made = dataset
    elif dataset.time is not None:
        made = temporal_split(dataset, test_fraction)
    else:
        made = random_split(dataset, test_fraction, per_user=True)
    parts = (made.train, made.test)
    return made, fingerprint(*(a for p in parts for a in (p.user_index, p.item_index, p.weight, p.time)))


def _tried(learner: Any, split: Split, share: float, judged: Mapping[str, Any], context: RunContext) -> Trial:
    start = time.perf_counter()
    try:
        scorer = learner.fit(split.train, context=context)
        seconds = time.perf_counter() - start
        found = ranking(scorer, split.test, **judged, context=context)[0]
    except Refusal as refusal:
        nothing = {"value": None, "std_error": None, "seconds": time.perf_counter() - start}
        return Trial(learner=repr(learner), share=share, refusal=str(refusal), **nothing)  # type: ignore[arg-type]
    error = float(found.std_error)
    return Trial(learner=repr(learner), share=share, value=float(found.value), std_error=error, seconds=seconds)


def _sampled(split: Split, share: float, seed: int) -> Split:
    """The split among the users whose hash is small; smaller shares are parts of larger ones."""
    if share >= 1:
        return split
    keys = mix64(hash64(split.train.users) ^ hash64(np.array([f"search/{seed}"], dtype=object)))
    chosen = within_share(keys, share)
    train, test = (part.take(chosen[part.user_index]) for part in (split.train, split.test))
    return Split(train=train, test=test, how=split.how, cut=split.cut)


def _value(trial: Trial) -> float:
    return -np.inf if trial.value is None else trial.value
