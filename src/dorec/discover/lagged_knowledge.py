"""Knowledge about variables, or about nodes `name[t-k]`, as what links may be and must be."""

from dataclasses import dataclass

import numpy as np

from dorec.discover.lagged_links import lagged_name, parse_lagged
from dorec.domain.errors import InputError, did_you_mean
from dorec.domain.knowledge import Knowledge
from dorec.numeric.arrays import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class LaggedKnowledge:
    """Which links may be, which must, and which pairs must have one at some lag."""

    allowed: BoolArray  # (d, d, max_lag + 1), at [cause, effect, lag]; nothing at lag 0
    required: BoolArray  # (d, d, max_lag + 1)
    somewhen: tuple[tuple[int, int], ...]  # (cause, effect)

    def required_links(self, found: BoolArray, strength: FloatArray) -> BoolArray:
        """The links (d, d, max_lag + 1) that must be; of a pair without one its strongest lag stands for it."""
        out = self.required.copy()
        for x, y in self.somewhen:
            if not (out[x, y] | found[x, y]).any():
                out[x, y, int(strength[x, y].argmax())] = True
        return out


def lagged_knowledge(knowledge: Knowledge, names: tuple[str, ...], max_lag: int) -> LaggedKnowledge:
    """What is known of variables holds at every lag; of nodes, at the lag between them.

    Raises:
        InputError: a node is neither a variable nor in the window, a link leads back in time or within a step, or
            what must be may not.

    Example:
        >>> known = lagged_knowledge(Knowledge(forbidden=(("a", "b"), ("b[t-2]", "a[t]"))), ("a", "b"), max_lag=2)
        >>> known.allowed[0, 1].tolist(), known.allowed[1, 0].tolist()
        ([False, False, False], [False, True, False])
    """
    d = len(names)
    allowed = np.ones((d, d, max_lag + 1), dtype=bool)
    allowed[:, :, 0] = False
    required = np.zeros_like(allowed)
    tier = [knowledge.tier(name) for name in names]
    strangers = sorted({n for level in knowledge.tiers for n in level} - set(names))
    if strangers:
        raise InputError(
            f"Tiers name {', '.join(strangers)}, which are no columns; give variables. Time order goes without saying."
        )
    for i, first in enumerate(tier):
        for j, second in enumerate(tier):
            if first is not None and second is not None and first > second:
                allowed[i, j] = False
    for pair in knowledge.forbidden:
        x, y, lag = _place(pair, names, max_lag)
        if lag is None or lag >= 0:  # back in time goes without saying
            allowed[x, y, slice(None) if lag is None else lag] = False
    somewhen = []
    for pair in knowledge.required:
        x, y, lag = _place(pair, names, max_lag)
        if lag is not None and lag < 0:
            raise InputError(f"{pair[0]} -> {pair[1]} is required but leads back in time; name the earlier node first.")
        if lag == 0 or not allowed[x, y, slice(None) if lag is None else lag].any():
            raise InputError(
                f"{pair[0]} -> {pair[1]} is required, but forbidden or within one step; drop one of the two."
            )
        if lag is None:
            somewhen.append((x, y))
        else:
            required[x, y, lag] = True
    return LaggedKnowledge(allowed, required, tuple(somewhen))


def _place(pair: tuple[str, str], names: tuple[str, ...], max_lag: int) -> tuple[int, int, int | None]:
    """Positions of cause and effect, and the lag between them; None for every lag."""
    if all(node in names for node in pair):
        return names.index(pair[0]), names.index(pair[1]), None
    window = {lagged_name(name, lag) for name in names for lag in range(max_lag + 1)}
    for node in pair:
        if node not in window:
            raise InputError(
                f"Knowledge names {node!r}, which is no column and not in the window. Columns: {', '.join(names)}; "
                f"nodes: as '{lagged_name(names[0], 1)}', up to lag {max_lag}.{did_you_mean(node, [*names, *window])}"
            )
    (a, lag_a), (b, lag_b) = parse_lagged(pair[0]), parse_lagged(pair[1])
    return names.index(a), names.index(b), lag_a - lag_b
