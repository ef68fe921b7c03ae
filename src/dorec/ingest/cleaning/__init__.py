"""Which events are not what they say? Named steps, each switchable, each counted: EventLog -> EventLog + report."""

from dorec.ingest.cleaning.accidental_clicks import AccidentalClicks
from dorec.ingest.cleaning.bots import Bots
from dorec.ingest.cleaning.cancellations import Cancellations
from dorec.ingest.cleaning.clean import DEFAULT_STEPS, STEPS, CleaningReport, StepReport, clean
from dorec.ingest.cleaning.duplicates import Duplicates
from dorec.ingest.cleaning.impossible_values import ImpossibleValues
from dorec.ingest.cleaning.missing_values import MissingValues
from dorec.ingest.cleaning.outliers import Outliers
from dorec.ingest.cleaning.step import Step
from dorec.numeric.normalise import normalise

__all__ = [
    "DEFAULT_STEPS",
    "STEPS",
    "AccidentalClicks",
    "Bots",
    "Cancellations",
    "CleaningReport",
    "Duplicates",
    "ImpossibleValues",
    "MissingValues",
    "Outliers",
    "Step",
    "StepReport",
    "clean",
    "normalise",
]
