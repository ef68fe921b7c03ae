"""The Transformer of potential outcomes, its training and the tables that it fills; needs torch."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dorec.domain.run import RunContext
from dorec.neural import TransformerBlock, random_stream, threads_of, train
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.recommend.als import ALS
from dorec.recommend.exposure_log import ExposureLog
from dorec.recommend.neural.exposure_sequences import ExposureTokens, Pieces, exposure_tokens, outcomes_of, pieces_of
from dorec.recommend.neural.sequence_network import SPREAD
from dorec.recommend.neural.sequence_training import training_of
from dorec.recommend.neural.windows import lines

HELD_OUT = 0.1  # share of the pieces that tell when to stop
WEIGHTS = 2**23  # of attention, held at once when tables are filled
ITEMS = 128  # asked at once
EPS = 1e-6


@dataclass(frozen=True, eq=False)
class Reading:
    """Padded rows: the tokens that are read, then the pairs that are asked about.

    `session` orders them: a token is read by those of its own and later sessions, by a question of later ones alone.
    """

    item: Tensor  # (b, l) position, 0 where there is nothing
    happened: Tensor  # (b, l, k) of a token, what happened; of a question, whether the item is shown
    session: Tensor  # (b, l)
    asks: Tensor  # (b, l) whether it is a question
    there: Tensor  # (b, l)

    @property
    def gap(self) -> Tensor:
        """Sessions from each place back to each, (b, l, l)."""
        return (self.session[:, :, None] - self.session[:, None, :]).clamp(min=0)

    @property
    def allowed(self) -> Tensor:
        """Which places each may read, (b, l, l)."""
        earlier = self.session[:, None, :] + self.asks[:, :, None].long() <= self.session[:, :, None]
        itself = torch.eye(self.item.shape[1], dtype=torch.bool, device=self.item.device)
        return (earlier & (self.there & ~self.asks)[:, None, :]) | itself

    def to(self, device: str) -> "Reading":
        """The same on a device."""
        return Reading(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


class PotentialOutcomes(nn.Module):
    """Logits of each kind of event for each question, given what the user was shown and did before.

    Example:
        >>> network = PotentialOutcomes(n_items=3, n_kinds=2, size=4, n_blocks=1, n_heads=2, dropout=0.0)
        >>> two = torch.tensor([[0, 1]])
        >>> reading = Reading(two, torch.zeros(1, 2, 2), two, two == 1, two >= 0)
        >>> network(reading).shape
        torch.Size([1, 2, 1])
    """

    def __init__(self, *, n_items: int, n_kinds: int, size: int, n_blocks: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.items = nn.Embedding(n_items, size)
        self.kinds, self.question = nn.Linear(n_kinds, size, bias=False), nn.Parameter(torch.zeros(size))
        self.decay = nn.Parameter(torch.zeros(n_blocks, n_heads))  # how fast what is long ago is forgotten
        blocks = (TransformerBlock(size, n_heads, dropout) for _ in range(n_blocks))
        self.blocks, self.norm, self.dropout = nn.ModuleList(blocks), nn.LayerNorm(size), nn.Dropout(dropout)
        self.out = nn.Linear(size, n_kinds - 1, bias=False)
        self.rates = nn.Embedding(2 * n_items, n_kinds - 1)  # of each item, not shown and shown
        self.base = nn.Parameter(torch.zeros(2, n_kinds - 1))
        nn.init.normal_(self.items.weight, std=1.0 / size**0.5)
        nn.init.zeros_(self.rates.weight)
        nn.init.normal_(self.out.weight, std=SPREAD)

    def forward(self, reading: Reading) -> Tensor:
        """Logits (b, l, kinds - 1); those of tokens mean nothing."""
        sequence = self.items(reading.item) + self.kinds(reading.happened)
        sequence = self.dropout(sequence + self.question * reading.asks[..., None])
        forgotten = torch.log1p(reading.gap.float())[:, None]
        unseen = ~reading.allowed[:, None]
        for block, decay in zip(self.blocks, self.decay, strict=True):
            weights = -functional.softplus(decay)[:, None, None] * forgotten
            sequence = block(sequence, weights.masked_fill(unseen, -torch.inf))
        shown = reading.happened[..., 0].long()
        rates = self.rates(2 * reading.item + shown) + self.base[shown]
        return self.out(self.norm(sequence)) + rates


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a log as questions about pieces of histories."""

    log: ExposureLog
    tokens: ExposureTokens
    pieces: Pieces
    outcome: Tensor  # (n, kinds - 1)
    weight: Tensor  # (n,)

    def about(self, some: IntArray) -> tuple[Reading, IntArray]:
        """The questions about some pieces (b,), and the rows that they are, one piece after another."""
        pieces, log = self.pieces, self.log
        start, count = pieces.row_start[some], np.diff(pieces.row_start)[some]
        asked = lines(start, count, int(count.max())).at
        there, at = asked >= 0, pieces.rows[np.maximum(asked, 0)]
        questions = (log.item[at], log.shown[at], self.tokens.rank[log.session[at]], there)
        return reading_of(self.tokens, (pieces.first[some], pieces.count[some]), questions), at[there]

    def misfit(self, network: PotentialOutcomes, some: IntArray, device: str) -> Tensor:
        """Weighted mean cross-entropy of what came of the questions about some pieces, summed over kinds of events."""
        reading, rows = self.about(some)
        reading = reading.to(device)
        logits = network(reading)[reading.asks & reading.there].float()
        outcome, weight = self.outcome[rows].to(device), self.weight[rows].to(device)
        each = functional.binary_cross_entropy_with_logits(logits, outcome, reduction="none").sum(dim=1)
        return (each * weight).sum() / weight.sum()


def fit_effects(log: ExposureLog, chance: FloatArray, learner: Any, context: RunContext) -> tuple[AnyArray, AnyArray]:
    """Effect and value of showing each pair now, (n_users, n_items) float32 each.

    Args:
        log: what was shown and what came of it.
        chance: of being shown, (n,).
        learner: an `UpliftTransformer`.
        context: seed, threads, device, progress.
    """
    tokens = exposure_tokens(log)
    outcome = torch.from_numpy(outcomes_of(log, tokens.kinds[1:])).float()
    pieces = pieces_of(log, tokens, learner.max_length)
    rows = Rows(log, tokens, pieces, outcome, overlap_weights(log, chance))
    network = _network(rows, learner, context)
    order = context.rng("held-out exposures").permutation(len(pieces.first))
    n_held = int(len(order) * HELD_OUT)
    held, kept = np.sort(order[:n_held]), np.sort(order[n_held:])

    def held_out_misfit() -> float:
        parts = np.array_split(held, -(-n_held // learner.batch_size))
        return float(np.mean([rows.misfit(network, part, context.device).item() for part in parts]))

    train(
        network,
        lambda some: rows.misfit(network, kept[some.cpu().numpy()], context.device),
        len(kept),
        training_of(learner),
        validation=held_out_misfit if n_held else None,
        context=context,
        label="UpliftTransformer",
        checkpoint=Path(learner.checkpoint) if learner.checkpoint else None,
    )
    with threads_of(context):
        return _tables(network, log, tokens, learner.max_length, context)


def overlap_weights(log: ExposureLog, chance: FloatArray) -> Tensor:
    """1 - p of what was shown and p of what was not, times the pairs it stands for: both arms weigh p (1 - p).

    (Li, Morgan, Zaslavsky 2018, arXiv 1404.1785.)
    """
    weight = np.where(log.shown, 1.0 - chance, chance * log.weight)
    return torch.from_numpy(weight / weight.mean()).float()


def reading_of(
    tokens: ExposureTokens, read: tuple[IntArray, IntArray], questions: tuple[AnyArray, AnyArray, AnyArray, AnyArray]
) -> Reading:
    """Rows of tokens with questions behind them.

    Args:
        tokens: of the log.
        read: first token and number of tokens of each row, (b,).
        questions: item, whether it is shown, session and whether there is a question, (b, q).
    """
    at = lines(*read, max(1, int(read[1].max(initial=1)))).at
    there, at = at >= 0, np.maximum(at, 0)
    item, shown, session, real = questions
    happened = np.zeros((*item.shape, len(tokens.kinds)), dtype=np.float32)
    happened[..., 0] = shown
    both: dict[str, tuple[AnyArray, AnyArray]] = {
        "item": (tokens.item[at], item),
        "happened": (tokens.happened[at].astype(np.float32), happened),
        "session": (tokens.session[at], session),
        "asks": (np.zeros(at.shape, dtype=bool), np.ones(item.shape, dtype=bool)),
        "there": (there, real),
    }
    return Reading(**{name: torch.from_numpy(np.concatenate(parts, axis=1)) for name, parts in both.items()})


def _network(rows: Rows, learner: Any, context: RunContext) -> PotentialOutcomes:
    """The network, which begins at each arm's own rates and, of items, at what `ALS` makes of the responses."""
    with random_stream(context, "UpliftTransformer", "weights"):
        network = PotentialOutcomes(
            n_items=rows.log.responses.n_items,
            n_kinds=len(rows.tokens.kinds),
            size=learner.embedding_size,
            n_blocks=learner.n_blocks,
            n_heads=learner.n_heads,
            dropout=learner.dropout,
        )
    factors = ALS(embedding_size=learner.embedding_size).fit(rows.log.responses, context=context).to_arrays()[0]
    start = torch.from_numpy(np.array(factors["item_factors"], dtype=np.float32))
    with torch.no_grad():
        network.items.weight.copy_(start / (start.square().sum(dim=1).mean().sqrt() + EPS))
    for arm in (0, 1):
        own = torch.from_numpy(rows.log.shown == bool(arm))
        rate = (rows.weight[own] @ rows.outcome[own]) / rows.weight[own].sum()
        with torch.no_grad():
            network.base[arm] = torch.logit(rate.clamp(1e-4, 1 - 1e-4))
    return network


def _tables(
    network: PotentialOutcomes, log: ExposureLog, tokens: ExposureTokens, width: int, context: RunContext
) -> tuple[AnyArray, AnyArray]:
    n_users, n_items = log.responses.n_users, log.responses.n_items
    out = np.zeros((2, n_users, n_items), dtype=np.float32)
    which = tokens.kinds.index(log.outcome_event) - 1
    count = np.minimum(np.diff(tokens.start), width)
    now = np.bincount(log.session_user, minlength=n_users)
    step = max(1, WEIGHTS // (int(count.max(initial=1)) + 2 * min(n_items, ITEMS)) ** 2)
    starts = range(0, n_users, step)
    for begin in context.track(starts, "effects of pairs", len(starts)):
        users = np.arange(begin, min(begin + step, n_users))
        for items in np.array_split(np.arange(n_items), -(-n_items // ITEMS)):
            asked = np.tile(np.repeat(items, 2), (len(users), 1))
            shown = np.tile([False, True], (len(users), len(items)))
            questions = (asked, shown, np.tile(now[users, None], asked.shape[1]), np.ones(asked.shape, dtype=bool))
            reading = reading_of(tokens, (tokens.start[users + 1] - count[users], count[users]), questions)
            with torch.no_grad():
                logits = network(reading.to(context.device))[:, -asked.shape[1] :, which]
            off, on = torch.sigmoid(logits.float()).cpu().numpy().reshape(len(users), -1, 2).transpose(2, 0, 1)
            out[0][np.ix_(users, items)], out[1][np.ix_(users, items)] = on - off, on
    return out[0], out[1]
