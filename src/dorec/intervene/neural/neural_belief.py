"""What a neural-linear bandit knows: layers, Bayesian regressions on the last of them, and the rows to train on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.plain_numbers import as_numbers
from dorec.domain.run import RunContext
from dorec.intervene.bandits.linear_belief import LinearBelief, same_shapes, whole_number
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.rng import generator

if TYPE_CHECKING:
    from dorec.intervene.neural.neural_linear import NeuralLinear


class Rows(NamedTuple):
    """What was decided and what it brought."""

    design: FloatArray  # (n, p)
    group: IntArray  # (n,)
    reward: FloatArray  # (n,)
    at: IntArray  # (n,)
    weight: FloatArray  # (n,)


@dataclass(frozen=True, eq=False, kw_only=True)
class NeuralBelief:
    """Layers (numpy arrays, so that choosing needs no torch), and a `LinearBelief` on what the last one says.

    Example:
        >>> from dorec.intervene.neural.neural_linear import NeuralLinear
        >>> belief = NeuralLinear(hidden=(8,)).prior(n_groups=2, n_columns=3)
        >>> belief.features(np.ones((5, 3))).shape, belief.head.coefficients.shape
        ((5, 9), (2, 9))
    """

    settings: "NeuralLinear"
    layers: tuple[tuple[FloatArray, FloatArray], ...]
    width: FloatArray  # (h,) root mean square of each unit of the last layer, by which it is divided
    head: LinearBelief
    chunks: tuple[Rows, ...] = ()  # rows kept for training
    kept: int = 0  # how many
    fresh: int = 0  # of them since the last training
    trainings: int = 0

    @classmethod
    def empty(cls, settings: "NeuralLinear", n_groups: int, n_columns: int) -> "NeuralBelief":
        """Random layers and the prior on them."""
        rng = generator(settings.seed, "neural linear", "first layers")
        sizes = (n_columns, *settings.hidden)
        layers = tuple(
            (rng.normal(size=(out, into)) / np.sqrt(into), rng.normal(size=out) / 10) for into, out in pairwise(sizes)
        )
        head = LinearBelief.empty(
            n_groups=n_groups,
            n_columns=sizes[-1] + 1,
            reg=settings.reg,
            noise=settings.noise,
            discount=settings.discount,
        )
        return cls(settings=settings, layers=layers, width=np.ones(sizes[-1]), head=head)

    @property
    def clock(self) -> int:
        """Number of the latest decision learned from."""
        return self.head.clock

    def features(self, design: FloatArray) -> FloatArray:
        """A constant and what the last layer says of (..., p): (..., h + 1)."""
        x = design
        for weight, bias in self.layers:
            x = x @ weight.T + bias
            x = np.where(x > 0, x, np.expm1(np.minimum(x, 0.0)))  # ELU
        return np.concatenate([np.ones((*x.shape[:-1], 1)), x / self.width], axis=-1)

    def learn(
        self, design: FloatArray, group: IntArray, reward: FloatArray, at: IntArray, weight: FloatArray
    ) -> "NeuralBelief":
        """The regressions after more rows, and new layers below them where it is time."""
        head = self.head.learn(self.features(design), group, reward, at, weight)
        learned = replace(
            self,
            head=head,
            chunks=(*self.chunks, Rows(design, group, reward, at, weight)),
            kept=self.kept + len(design),
            fresh=self.fresh + len(design),
        )
        return learned.retrained() if learned.fresh >= self.settings.retrain_every else learned

    def retrained(self) -> "NeuralBelief":
        """Layers trained further on the latest rows, and the regressions fitted anew on what they say."""
        from dorec.intervene.neural.feature_network import trained_layers
        from dorec.neural import Training

        settings, groups = self.settings, len(self.head.count)
        rows = self._joined(settings.keep)
        fade = settings.discount ** (self.clock - rows.at).astype(float)
        layers = trained_layers(
            self.layers,
            rows._replace(weight=np.maximum(rows.weight * fade, 1e-12)),
            groups,
            Training(
                learning_rate=settings.learning_rate,
                reg=settings.weight_decay,
                epochs=settings.epochs,
                batch_size=settings.batch_size,
            ),
            RunContext(seed=settings.seed + self.trainings, threads=settings.threads),
        )
        moved = replace(self, layers=layers, width=np.ones_like(self.width))
        said = moved.features(rows.design)[:, 1:]
        width = np.maximum(np.sqrt((said**2).mean(axis=0)), 1e-6)
        moved = replace(moved, width=width)
        prior = LinearBelief.empty(
            n_groups=groups,
            n_columns=len(width) + 1,
            reg=settings.reg,
            noise=settings.noise,
            discount=settings.discount,
        )
        head = prior.learn(moved.features(rows.design), rows.group, rows.reward, rows.at, rows.weight)
        return replace(moved, head=head, chunks=(rows,), kept=len(rows.at), fresh=0, trainings=self.trainings + 1)

    def arrays(self) -> dict[str, AnyArray]:
        """What `restored` needs."""
        out = {f"head.{name}": array for name, array in self.head.arrays().items()} | {"width": self.width}
        for i, (weight, bias) in enumerate(self.layers):
            out |= {f"layer{i}.weight": weight, f"layer{i}.bias": bias}
        counts = {"fresh": np.array([self.fresh]), "trainings": np.array([self.trainings])}
        return out | counts | {f"rows.{name}": part for name, part in self._joined()._asdict().items()}

    def restored(self, arrays: Mapping[str, AnyArray]) -> "NeuralBelief":
        """The belief of these arrays under this one's settings."""
        own = {name: array for name, array in self.arrays().items() if not name.startswith(("rows.", "head."))}
        found = same_shapes(own, arrays)
        head = self.head.restored({k.removeprefix("head."): v for k, v in arrays.items() if k.startswith("head.")})
        if (found["width"] <= 0).any():
            raise InputError("Array 'width' is not above 0 everywhere, so nothing can be divided by it.")
        rows = self._checked_rows(arrays, len(head.count), head.clock)
        layers = tuple((found[f"layer{i}.weight"], found[f"layer{i}.bias"]) for i in range(len(self.layers)))
        return replace(
            self,
            layers=layers,
            width=found["width"],
            head=head,
            chunks=(rows,),
            kept=len(rows.at),
            fresh=whole_number(found["fresh"], "fresh", 0),
            trainings=whole_number(found["trainings"], "trainings", 0),
        )

    def _checked_rows(self, arrays: Mapping[str, AnyArray], n_groups: int, clock: int) -> Rows:
        """The rows kept for training, refused where they could not have been learned."""
        given: Any = (as_numbers(arrays[f"rows.{name}"], f"Array 'rows.{name}'") for name in Rows._fields)
        rows = Rows(*given)
        n, into = len(rows.reward), self.layers[0][0].shape[1]
        if rows.design.shape != (n, into) or any(part.shape != (n,) for part in rows[1:]):
            raise InputError("The rows kept for training don't fit each other or the network.")
        whole = all((part == np.floor(part)).all() for part in (rows.group, rows.at))
        inside = (rows.group >= 0) & (rows.group < n_groups) & (rows.at <= clock) & (rows.weight > 0)
        if not (whole and inside.all() and all(np.isfinite(part).all() for part in rows)):
            raise InputError(
                "The rows kept for training hold values that no learned row has; restore what was written."
            )
        return rows._replace(group=rows.group.astype(np.int64), at=rows.at.astype(np.int64))

    def _joined(self, latest: int = 0) -> Rows:
        """The kept rows, all of them or the latest."""
        if not self.chunks:
            codes = np.empty(0, dtype=np.int64)
            return Rows(np.empty((0, self.layers[0][0].shape[1])), codes, np.empty(0), codes, np.empty(0))
        joined = (np.concatenate(parts)[-latest:] for parts in zip(*self.chunks, strict=True))
        return Rows(*joined)
