"""Every error and refusal, for users: `from dorec.errors import Refusal`. They are defined in `dorec.domain.errors`.

>>> from dorec.errors import NoOverlap, Refusal
>>> issubclass(NoOverlap, Refusal)
True
"""

from dorec.domain import errors as _tree
from dorec.domain.errors import *  # noqa: F403

__all__ = [name for name, thing in vars(_tree).items() if isinstance(thing, type) and issubclass(thing, Exception)]
