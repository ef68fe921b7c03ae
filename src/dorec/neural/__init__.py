"""What the stations' networks share: two training loops for torch, checkpoints, blocks, seeds, threads.

Importing this room needs torch: `pip install 'dorec[deep]'`.
"""

from dorec.domain.errors import ConfigError

try:
    import torch
except ModuleNotFoundError as missing:
    if missing.name != "torch":
        raise
    raise ConfigError("torch is not installed; pip install 'dorec[deep]' brings it.") from None

from dorec.neural.blocks import Attention, HistoryEncoder, TransformerBlock, perceptron
from dorec.neural.checkpoint import read_tensors, write_tensors
from dorec.neural.loop import Training, train
from dorec.neural.randomness import random_stream, seeded
from dorec.neural.tensors import to_array, to_tensor
from dorec.neural.training import minimise, threads_of
from dorec.neural.training_state import Trained

__all__ = [
    "Attention",
    "HistoryEncoder",
    "Trained",
    "Training",
    "TransformerBlock",
    "minimise",
    "perceptron",
    "random_stream",
    "read_tensors",
    "seeded",
    "threads_of",
    "to_array",
    "to_tensor",
    "train",
    "write_tensors",
]
