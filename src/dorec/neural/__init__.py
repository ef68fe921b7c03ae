"""What the stations' networks share: full-batch training for torch, seeds, threads; arrays go in and come out.

Importing this room needs torch: `pip install 'dorec[deep]'`.
"""

from dorec.domain.errors import ConfigError

try:
    import torch
except ModuleNotFoundError as missing:
    if missing.name != "torch":
        raise
    raise ConfigError("torch is not installed; pip install 'dorec[deep]' brings it.") from None

from dorec.neural.tensors import to_array, to_tensor
from dorec.neural.training import minimise, seeded, threads_of

__all__ = ["minimise", "seeded", "threads_of", "to_array", "to_tensor"]
