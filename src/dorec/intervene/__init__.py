"""What to do, to whom? Effects and a budget become an allocation and a policy."""

from dorec.intervene.allocate import Allocation, allocate, allocation_value
from dorec.intervene.uplift_policy import UpliftPolicy

__all__ = ["Allocation", "UpliftPolicy", "allocate", "allocation_value"]
