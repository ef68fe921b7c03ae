"""Where a training is: what went before, the network, the optimiser; kept after each epoch so that it can go on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dorec.domain.errors import ConfigError
from dorec.neural.checkpoint import MANIFEST, read_tensors, write_tensors


@dataclass(frozen=True, kw_only=True)
class Trained:
    """How a training went, epoch by epoch.

    >>> done = Trained(losses=(3.0, 2.0), validations=(1.0, 1.5))
    >>> done.epochs, done.best, done.best_epoch
    (2, 1.0, 1)
    """

    losses: tuple[float, ...] = ()  # mean of each epoch's batches
    validations: tuple[float, ...] = ()
    stopped_early: bool = False

    @property
    def epochs(self) -> int:
        """Passes over the rows."""
        return len(self.losses)

    @property
    def best(self) -> float:
        """The lowest validation; infinite where there was none."""
        return min(self.validations, default=math.inf)

    @property
    def best_epoch(self) -> int:
        """The first epoch with the lowest validation, whose weights were kept, from 1; 0 where there was none."""
        return self.validations.index(self.best) + 1 if self.validations else 0


@dataclass(frozen=True, eq=False)
class TrainingState:
    """What a training needs to go on: the network, the optimiser, and where both are kept (None for nowhere).

    Random numbers need no place in it: each epoch's stream follows from the seed and the number of the epoch.
    """

    module: nn.Module
    optimiser: torch.optim.Optimizer
    facts: Mapping[str, Any]  # what must be the same for the training to go on
    folder: Path | None

    def restore(self) -> tuple[Trained, dict[str, Tensor]]:
        """How far the training was, with its best weights; the network and the optimiser are set to where it was."""
        if self.folder is None or not (self.folder / MANIFEST).exists():
            return Trained(), {}
        tensors, kept = read_tensors(self.folder)
        self._refuse_others(kept["facts"])
        try:
            self.module.load_state_dict(_under("weights", tensors))
        except RuntimeError as other:
            raise ConfigError(f"The checkpoint in {self.folder} is of another network: {other}") from None
        steps = self.optimiser.state_dict()
        steps["state"] = {}
        for name, values in _under("optimiser", tensors).items():
            position, part = name.split(".")
            steps["state"].setdefault(int(position), {})[part] = values
        self.optimiser.load_state_dict(steps)
        device = next(self.module.parameters()).device
        best = {name: values.to(device) for name, values in _under("best", tensors).items()}
        trained = kept["trained"]
        return Trained(losses=tuple(trained["losses"]), validations=tuple(trained["validations"])), best

    def keep(self, trained: Trained, best: Mapping[str, Tensor]) -> None:
        """Write where the training is, if there is a folder for it."""
        if self.folder is None:
            return
        tensors = {f"weights.{name}": values for name, values in self.module.state_dict().items()}
        tensors |= {f"best.{name}": values for name, values in best.items()}
        for position, parts in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{position}.{part}": values for part, values in parts.items()}
        write_tensors(
            self.folder,
            tensors,
            {"facts": dict(self.facts), "trained": {"losses": trained.losses, "validations": trained.validations}},
        )

    def _refuse_others(self, kept: Mapping[str, Any]) -> None:
        other = [name for name, value in self.facts.items() if kept.get(name) != value]
        if other:
            told = ", ".join(f"{name} {kept.get(name)!r} (now {self.facts[name]!r})" for name in other)
            raise ConfigError(
                f"The checkpoint in {self.folder} is of another training: {told}. Use another folder, or the same "
                "settings."
            )


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")}
