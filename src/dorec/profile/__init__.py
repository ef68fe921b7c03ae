"""Who and what are they? EventLog -> features, sessions, funnel, Dataset, splits: nothing sees its own future."""

from dorec.numeric.normalise import normalise
from dorec.profile.features import FeatureSpec, item_features, user_features
from dorec.profile.feedback import to_feedback
from dorec.profile.funnel import Funnel, FunnelStage, funnel
from dorec.profile.interactions import DEFAULT_WEIGHTS, to_dataset
from dorec.profile.leaks import audit, audit_features
from dorec.profile.point_in_time import features_as_of
from dorec.profile.sessions import session_table, sessionise
from dorec.profile.splits import Split, leave_last_out, random_split, temporal_split
from dorec.profile.treatment_windows import WindowStudy, treatment_window_study

__all__ = [
    "DEFAULT_WEIGHTS",
    "FeatureSpec",
    "Funnel",
    "FunnelStage",
    "Split",
    "WindowStudy",
    "audit",
    "audit_features",
    "features_as_of",
    "funnel",
    "item_features",
    "leave_last_out",
    "normalise",
    "random_split",
    "session_table",
    "sessionise",
    "temporal_split",
    "to_dataset",
    "to_feedback",
    "treatment_window_study",
    "user_features",
]
