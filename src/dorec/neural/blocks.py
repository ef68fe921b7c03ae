"""Blocks of networks that more than one room builds on."""

from itertools import pairwise

import torch
from torch import Tensor, nn


class ColumnMLP(nn.Module):
    """A network of its own for each of `d` outputs, computed side by side: (n, d, width of the first layer) -> (n, d).

    Example:
        >>> column_mlp_layers(3, (4, 5, 1), torch.Generator().manual_seed(0))[0].shape
        torch.Size([3, 4, 5])
        >>> ColumnMLP(3, (4, 5, 1), torch.Generator().manual_seed(0))(torch.zeros(7, 3, 4)).shape
        torch.Size([7, 3])
    """

    def __init__(self, d: int, widths: tuple[int, ...], random: torch.Generator) -> None:
        super().__init__()
        layers = column_mlp_layers(d, widths, random)
        self.weights = nn.ParameterList(layers[0::2])
        self.biases = nn.ParameterList(layers[1::2])

    def forward(self, values: Tensor) -> Tensor:
        """The outputs (n, d) of (n, d, widths[0])."""
        out = values.transpose(0, 1)  # (d, n, width): one batched product a layer
        last = len(self.weights) - 1
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            out = torch.baddbmm(bias[:, None, :], out, weight)
            if k < last:
                out = torch.sigmoid(out)
        return out.squeeze(2).transpose(0, 1)


def column_mlp_layers(d: int, widths: tuple[int, ...], random: torch.Generator) -> list[nn.Parameter]:
    """Weights (d, in, out) and biases (d, out) of each layer in turn, drawn uniformly within 1 / sqrt(in).

    >>> [tuple(p.shape) for p in column_mlp_layers(2, (3, 1), torch.Generator().manual_seed(0))]
    [(2, 3, 1), (2, 1)]
    """
    layers = []
    for n_in, n_out in pairwise(widths):
        for shape in ((d, n_in, n_out), (d, n_out)):
            drawn = torch.rand(shape, generator=random) * 2 - 1
            layers.append(nn.Parameter(drawn / n_in**0.5))
    return layers
