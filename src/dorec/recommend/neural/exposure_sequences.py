"""What users were shown and what they did, as tokens in their order, and the rows that ask about them. Arrays alone."""

from dataclasses import dataclass

import numpy as np

from dorec.numeric.arrays import BoolArray, FloatArray, IntArray
from dorec.recommend.exposure_log import ExposureLog


@dataclass(frozen=True, eq=False)
class ExposureTokens:
    """One token for each pair of a session and an item with an event: user after user, oldest session first.

    Example:
        >>> rows = {"user_id": ["a", "a", "a"], "item_id": ["x", "x", "y"], "session_id": [1, 1, 2],
        ...         "event": ["impression", "purchase", "purchase"]}
        >>> tokens = exposure_tokens(ExposureLog.from_events(rows))
        >>> tokens.kinds, tokens.item.tolist(), tokens.happened.astype(int).tolist(), tokens.session.tolist()
        (('impression', 'purchase'), [0, 1], [[1, 1], [0, 1]], [0, 1])
    """

    kinds: tuple[str, ...]  # of events, what shows an item first
    start: IntArray  # (n_users + 1,) where each user's tokens begin
    item: IntArray  # (t,)
    session: IntArray  # (t,) among the user's own, oldest first
    happened: BoolArray  # (t, k) which kinds of events
    rank: IntArray  # (n_sessions,) each session's place among its user's own


@dataclass(frozen=True, eq=False)
class Pieces:
    """Runs of a user's tokens, each read by the rows of some sessions."""

    first: IntArray  # (p,) the first token that is read
    count: IntArray  # (p,)
    row_start: IntArray  # (p + 1,) into `rows`
    rows: IntArray  # (n,) rows of the log, piece after piece


def exposure_tokens(log: ExposureLog) -> ExposureTokens:
    """The tokens of a log."""
    kinds = (log.shown_event, *(kind for kind in log.events if kind != log.shown_event))
    pairs = [session * log.responses.n_items + item for _, item, session in (log.events[kind] for kind in kinds)]
    pair, at = np.unique(np.concatenate(pairs), return_inverse=True)
    happened = np.zeros((len(pair), len(kinds)), dtype=bool)
    happened[at, np.repeat(np.arange(len(kinds)), [len(part) for part in pairs])] = True
    session, item = np.divmod(pair, log.responses.n_items)
    rank = _ranks(log)
    user = log.session_user[session]
    order = np.lexsort((item, rank[session], user))
    count = np.bincount(user, minlength=log.responses.n_users)
    start = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    return ExposureTokens(kinds, start, item[order], rank[session][order], happened[order], rank)


def pieces_of(log: ExposureLog, tokens: ExposureTokens, width: int) -> Pieces:
    """Pieces of at most `width` tokens; a row's piece holds at least the half of them that came just before it."""
    half = max(1, width // 2)
    own = tokens.rank[log.session]
    key = np.repeat(np.arange(log.responses.n_users), np.diff(tokens.start)) * (own.max() + 2) + tokens.session
    before = np.searchsorted(key, log.user * (own.max() + 2) + own) - tokens.start[log.user]
    part = before // half
    order = np.lexsort((own, part, log.user))
    user, part = log.user[order], part[order]
    new = np.flatnonzero(np.append(True, (user[1:] != user[:-1]) | (part[1:] != part[:-1])))
    begin = np.maximum(part[new] - 1, 0) * half
    stop = np.minimum((part[new] + 1) * half, np.diff(tokens.start)[user[new]])
    return Pieces(tokens.start[user[new]] + begin, stop - begin, np.append(new, len(order)), order)


def outcomes_of(log: ExposureLog, kinds: tuple[str, ...]) -> FloatArray:
    """Which kinds of events each row's session had with its item, (n, len(kinds))."""
    n_items = log.responses.n_items
    pair = log.session * n_items + log.item
    return np.column_stack([np.isin(pair, log.events[k][2] * n_items + log.events[k][1]) for k in kinds]).astype(float)


def _ranks(log: ExposureLog) -> IntArray:
    began = np.arange(len(log.session_user)) if log.began is None else log.began
    order = np.lexsort((began, log.session_user))
    user = log.session_user[order]
    first = np.searchsorted(user, user)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - first
    return rank
