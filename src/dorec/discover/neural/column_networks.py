"""NOTEARS-MLP's model: a network for each variable, whose first layer says which others it reads."""

import torch
from torch import Tensor

from dorec.discover.neural.lagrangian import mean_slopes, train_acyclic
from dorec.discover.neural.network_search import NetworkSettings
from dorec.domain.run import RunContext
from dorec.neural import ColumnMLP, seeded, to_tensor
from dorec.numeric.arrays import BoolArray, FloatArray


def column_network_weights(
    rows: FloatArray,
    free: BoolArray,
    required: BoolArray,
    *,
    reg: float,
    settings: NetworkSettings,
    context: RunContext,
) -> FloatArray:
    """The mean slopes (d, d) of the effects, at [cause, effect].

    Args:
        rows: (n, d), centred, of comparable size.
        free: (d, d), whether i -> j may be.
        required: (d, d), edges that are not penalised and close cycles whatever their strength.
        reg: of the group lasso on what is read, and of the squared weights behind it.
        settings: width and training.
        context: seed, device, threads and progress.
    """
    n, d = rows.shape
    device = context.device
    x = to_tensor(rows, device, torch.float64)
    reads = to_tensor(free.T.astype(float), device, torch.float64)[:, :, None]  # (effect, cause, 1)
    held = to_tensor(required.astype(float), device, torch.float64)
    network = ColumnMLP(d, (d, settings.hidden, 1), seeded(context, "column networks")).to(device, torch.float64)
    first = network.weights[0]
    with torch.no_grad():
        first.mul_(reads)

    def squares() -> Tensor:
        return (first * first).sum(dim=2).T + held

    def loss(batch: Tensor) -> Tensor:
        some = x[batch]
        error = some - network(some[:, None, :].expand(-1, d, -1))
        read = ((first * first).sum(dim=2) + 1e-12).sqrt()
        ridge = (network.weights[1] ** 2).sum()
        return 0.5 * (error * error).sum() / len(batch) + reg * (read * (1 - held.T)).sum() + 0.5 * reg * ridge

    def mask() -> None:
        first.mul_(reads)

    train_acyclic(
        network,
        loss,
        squares,
        n,
        settings,
        after_step=mask,
        context=context,
        label="NOTEARS-MLP",
    )
    return mean_slopes(network, x) * free
