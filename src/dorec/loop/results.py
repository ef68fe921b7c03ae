"""What a stage made, kept on disk so that a run can go on where it stopped."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dorec.domain.errors import Refusal
from dorec.domain.estimate import Estimate
from dorec.domain.verdict import Verdict
from dorec.store import read_arrays, read_json, read_table, write_artefacts


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """Plain facts, evidence, refusals and tables: all that later stages and the report know of a stage."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()
    refusals: tuple[Mapping[str, Any], ...] = ()  # question, code, reason, remedy, evidence
    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    arrays: Mapping[str, Any] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write everything with a manifest of hashes, atomically."""
        arrays = dict(self.arrays)
        described = {}
        for name, estimate in self.estimates.items():
            described[name] = describe(estimate)
            if estimate.influence is not None:
                arrays[f"influence/{name}"] = np.ascontiguousarray(estimate.influence)
            if estimate.cluster is not None:
                arrays[f"cluster/{name}"] = np.unique(estimate.cluster, return_inverse=True)[1].astype(np.int64)
        document = {
            "facts": plain(self.facts),
            "estimates": described,
            "verdicts": [plain(v.to_dict()) for v in self.verdicts],
            "refusals": [plain(r) for r in self.refusals],
            "tables": list(self.tables),
        }
        files: dict[str, Any] = {"result.json": document}
        files |= {f"{name}.parquet": table for name, table in self.tables.items()}
        if arrays:
            files["arrays.safetensors"] = arrays
        write_artefacts(folder, files)

    @classmethod
    def load(cls, folder: Path) -> "StageResult":
        """The result that `save` wrote; hashes are verified before anything is parsed."""
        document = read_json(folder, "result.json")
        arrays = dict(read_arrays(folder, "arrays.safetensors")) if (folder / "arrays.safetensors").exists() else {}
        estimates = {}
        for name, fields in document["estimates"].items():
            influence, cluster = arrays.pop(f"influence/{name}", None), arrays.pop(f"cluster/{name}", None)
            estimates[name] = restore(fields, influence, cluster)
        return cls(
            facts=document["facts"],
            estimates=estimates,
            verdicts=tuple(Verdict(**v) for v in document["verdicts"]),
            refusals=tuple(document["refusals"]),
            tables={name: read_table(folder, f"{name}.parquet") for name in document["tables"]},
            arrays=arrays,
        )


def refused(question: str, refusal: Refusal) -> dict[str, Any]:
    """A refusal with the question that it answers."""
    told = refusal.to_dict()
    for how in ("drop", "indicator"):  # the library's argument is a key of dorec.toml here
        told["remedy"] = told["remedy"].replace(f"missing='{how}'", f'[effects] missing = "{how}"')
    return {"question": question, **told}


def describe(estimate: Estimate) -> dict[str, Any]:
    """An estimate without its arrays, as JSON."""
    keys = ("method", "estimand", "sample", "dof", "no_interval", "unit")
    fields = {key: getattr(estimate, key) for key in keys}
    value = estimate.value.tolist() if np.ndim(estimate.value) else estimate.value
    name = list(estimate.name) if isinstance(estimate.name, tuple) else estimate.name
    return {**fields, "value": value, "name": name, "verdicts": [plain(v.to_dict()) for v in estimate.verdicts]}


def restore(fields: Mapping[str, Any], influence: Any, cluster: Any) -> Estimate:
    """The estimate that `describe` described."""
    given = dict(fields)
    given["verdicts"] = tuple(Verdict(**v) for v in given["verdicts"])
    given["name"] = tuple(given["name"]) if isinstance(given["name"], list) else given["name"]
    given["value"] = np.asarray(given["value"]) if isinstance(given["value"], list) else given["value"]
    return Estimate(influence=influence, cluster=cluster, **given)


def plain(value: Any) -> Any:
    """The value with numpy scalars, arrays and dates as JSON has them; NaN and infinities become null.

    >>> plain({"a": np.float64(1.5), "b": (np.int64(2), float("nan"))})
    {'a': 1.5, 'b': [2, None]}
    """
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, str | int | bool) or value is None:
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def key_of(*parts: Any) -> str:
    """A short content hash of plain data: the same inputs and settings give the same key.

    >>> key_of({"b": 1, "a": 2}) == key_of({"a": 2, "b": 1})
    True
    """
    text = json.dumps(plain(list(parts)), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hash_file(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def as_refusal(record: Mapping[str, Any]) -> tuple[str, Refusal]:
    """The question and its refusal, of the kind that its code names.

    >>> question, refusal = as_refusal({"question": "q", "code": "no_overlap", "reason": "r", "remedy": ""})
    >>> type(refusal).__name__
    'NoOverlap'
    """
    kinds = [Refusal]
    for kind in kinds:
        kinds += kind.__subclasses__()
    found = next((kind for kind in kinds if kind.code == record["code"]), Refusal)
    return record["question"], found(record["reason"], remedy=record["remedy"], evidence=record.get("evidence"))
