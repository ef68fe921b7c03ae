"""The network whose last layer a bandit's regressions stand on; needs torch."""

import numpy as np
import torch
from torch import Tensor, nn

from dorec.domain.run import RunContext
from dorec.intervene.neural.neural_belief import Rows
from dorec.neural import Training, perceptron, random_stream, to_array, to_tensor, train
from dorec.numeric.arrays import FloatArray

Layers = tuple[tuple[FloatArray, FloatArray], ...]  # (weight (out, in), bias (out,)) of each layer


def trained_layers(layers: Layers, rows: Rows, n_groups: int, training: Training, context: RunContext) -> Layers:
    """The layers after more training: a linear head for each group reads the last one, by weighted least squares.

    Args:
        layers: where it starts from.
        rows: on whose rewards it learns.
        n_groups: heads.
        training: steps and batches.
        context: seed, device, threads.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(64, 2))
        >>> rows = Rows(x, np.zeros(64, int), np.abs(x[:, 0]), np.arange(64), np.ones(64))
        >>> start = ((rng.normal(size=(8, 2)), np.zeros(8)),)
        >>> after = trained_layers(start, rows, 1, Training(epochs=2), RunContext(threads=1))
        >>> after[0][0].shape, bool((after[0][0] != start[0][0]).any())
        ((8, 2), True)
    """
    sizes = [layers[0][0].shape[1], *(len(bias) for _, bias in layers)]
    with random_stream(context, "neural linear", "weights"):
        body = perceptron(sizes, last=True)
        head = nn.Linear(sizes[-1], n_groups)
    linear = [layer for layer in body if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer, (weight, bias) in zip(linear, layers, strict=True):
            layer.weight.copy_(to_tensor(weight))
            layer.bias.copy_(to_tensor(bias))
    device = context.device
    spread = float(np.sqrt(np.average((rows.reward - rows.reward.mean()) ** 2, weights=rows.weight))) or 1.0
    x, y, w = (
        to_tensor(part, device)
        for part in (rows.design, (rows.reward - rows.reward.mean()) / spread, rows.weight / rows.weight.mean())
    )
    group = to_tensor(rows.group, device)
    whole = nn.Sequential(body, head)

    def loss(batch: Tensor) -> Tensor:
        said = whole(x[batch]).gather(1, group[batch][:, None])[:, 0]
        return (w[batch] * (said - y[batch]).square()).mean()

    train(whole, loss, len(rows.reward), training, context=context, label="neural linear")
    return tuple((to_array(layer.weight), to_array(layer.bias)) for layer in linear)
