"""Arrays to tensors and back."""

import numpy as np
import torch
from torch import Tensor

from dorec.numeric.arrays import AnyArray


def to_tensor(values: AnyArray, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Tensor:
    """The array as a tensor on a device; numbers become `dtype`, integers stay what they are.

    >>> to_tensor(np.array([1.0, 2.0])).dtype, to_tensor(np.array([1, 2])).dtype
    (torch.float32, torch.int64)
    """
    kind = dtype if values.dtype.kind == "f" else None
    return torch.as_tensor(np.ascontiguousarray(values), dtype=kind, device=device)


def to_array(values: Tensor) -> AnyArray:
    """The tensor as an array; floats become float64.

    >>> to_array(torch.ones(2)).dtype
    dtype('float64')
    """
    out: AnyArray = values.detach().cpu().numpy()
    return out.astype(np.float64) if out.dtype.kind == "f" else out
