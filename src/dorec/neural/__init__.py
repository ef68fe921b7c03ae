"""The one training loop for torch, and blocks of networks; arrays go in and come out.

Importing this room needs torch: `pip install 'dorec[deep]'`.
"""

try:
    import torch
except ModuleNotFoundError as missing:
    if missing.name != "torch":
        raise
    raise ModuleNotFoundError("This needs torch, which is not installed: pip install 'dorec[deep]'.") from missing

from dorec.neural.blocks import ColumnMLP, column_mlp_layers
from dorec.neural.tensors import arrays_of, to_array, to_tensor
from dorec.neural.training import Training, TrainingLoop, seeded

__all__ = [
    "ColumnMLP",
    "Training",
    "TrainingLoop",
    "arrays_of",
    "column_mlp_layers",
    "seeded",
    "to_array",
    "to_tensor",
]
