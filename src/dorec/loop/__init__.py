"""The loop: `dorec.toml`, the stations in order, the ledger, the report. The one room that knows every station."""

from dorec.loop.demo import DemoResult, run_demo
from dorec.loop.doctor import doctor
from dorec.loop.ingesting import IngestResult, ingest_study
from dorec.loop.init import Sources, init_study
from dorec.loop.report import newest_report
from dorec.loop.run import RunSummary, run_study
from dorec.loop.study_file import StudyFile

__all__ = [
    "DemoResult",
    "IngestResult",
    "RunSummary",
    "Sources",
    "StudyFile",
    "doctor",
    "ingest_study",
    "init_study",
    "newest_report",
    "run_demo",
    "run_study",
]
