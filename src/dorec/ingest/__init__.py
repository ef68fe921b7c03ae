"""What happened? Sources become validated events; every row that can't is set aside with its reason and its bytes."""

from dorec.ingest.batch import Batch, Limits
from dorec.ingest.infer import infer_roles
from dorec.ingest.read import read_events
from dorec.ingest.repair import read_quarantine
from dorec.ingest.roles import ColumnRoles
from dorec.ingest.validate import validate

__all__ = ["Batch", "ColumnRoles", "Limits", "infer_roles", "read_events", "read_quarantine", "validate"]
