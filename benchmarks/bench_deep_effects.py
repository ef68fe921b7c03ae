"""Deep learners of effects on the replications of IHDP that are there, beside what was published for them.

    python benchmarks/bench_deep_effects.py [--data ../shared/data/ihdp] [--splits 1]

Root PEHE and error of the average effect, against the noiseless outcomes mu0 and mu1, over replications and random
splits: a tenth of the units is left out (out of sample), the others are learned from (in sample). In sample there are
two figures: of networks that have seen the unit's own outcome, as published figures are, and out of fold. The average
effect is that of the orthogonal score in sample, and of the networks out of sample. CPU seconds of one fit, one thread.
Published figures are means over 1,000 replications, which differ in scale, so they are no test of ours.
"""

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv as csv
from numpy.typing import NDArray

from dorec import RunContext, Study
from dorec.estimate import CFRNet, DragonNet, TARNet

RESULT = Path(__file__).parent / "results" / "ihdp_deep.md"
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "ihdp"
COVARIATES = [f"x{i}" for i in range(1, 26)]
COLUMNS = ["treatment", "y_factual", "y_cfactual", "mu0", "mu1", *COVARIATES]
LEARNERS: dict[str, Any] = {
    "TARNet": TARNet(),
    "CFRNet, linear MMD": CFRNet(distance="mmd_linear"),
    "CFRNet, RBF MMD": CFRNet(distance="mmd_rbf"),
    "CFRNet, Wasserstein": CFRNet(),
    "DragonNet": DragonNet(),
    "DragonNet without targeting": DragonNet(targeting=0.0),
}
PUBLISHED = """| TARNet | .88 | .95 | .26 | .28 | Shalit, Johansson, Sontag 2017, table 1 |
| CFRNet, MMD | .73 | .78 | .30 | .31 | the same |
| CFRNet, Wasserstein | .71 | .76 | .25 | .27 | the same |
| TARNet, by Shi et al. | - | - | .16 | .21 | Shi, Blei, Veitch 2019, table 1 |
| DragonNet without targeting | - | - | .14 | .21 | the same |
| DragonNet | - | - | .14 | .20 | the same |
"""


def read(path: Path) -> dict[str, NDArray[np.float64]]:
    """One replication: columns as in `COLUMNS`."""
    table = csv.read_csv(path, read_options=csv.ReadOptions(column_names=COLUMNS))
    return {name: table.column(name).to_numpy().astype(np.float64) for name in COLUMNS}


def root_mean_square(errors: NDArray[np.float64]) -> float:
    """The root of the mean squared error."""
    return float(np.sqrt(np.mean(errors**2)))


def one_fit(learner: Any, columns: dict[str, NDArray[np.float64]], seed: int) -> list[float]:
    """Root PEHE in sample, out of fold and out of sample; errors of the average effect; standard error; CPU seconds."""
    left_out = np.random.default_rng(seed).random(len(columns["mu0"])) < 0.1
    table = {name: values[~left_out] for name, values in columns.items()}
    table["treatment"] = table["treatment"].astype(np.int64)
    study = Study.from_table(table, outcome="y_factual", treatment="treatment", covariates=COVARIATES, control=0)
    start = time.process_time()
    model = learner.fit(study, context=RunContext(seed=seed, threads=1))
    seconds = time.process_time() - start
    effect = columns["mu1"] - columns["mu0"]
    inside, outside = effect[~left_out], effect[left_out]
    others = model.effect(np.column_stack([columns[name][left_out] for name in COVARIATES]))
    ate = model.ate()
    return [
        root_mean_square(model.effect(study.covariates) - inside),
        root_mean_square(model.unit_effects - inside),
        root_mean_square(others - outside),
        abs(ate.value - inside.mean()),
        abs(others.mean() - outside.mean()),
        ate.std_error,
        seconds,
    ]


def main() -> None:
    """Run and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--splits", type=int, default=1)
    parser.add_argument(
        "--only", nargs="*", default=list(LEARNERS), help="learners, whose rows are printed and not kept"
    )
    given = parser.parse_args()
    files = sorted(given.data.glob("ihdp_npci_*.csv.gz"))
    if not files:
        print(f"no replications in {given.data}: skipped")
        return
    replications = [read(path) for path in files]
    rows = ""
    for name in given.only:
        found = np.array(
            [
                [one_fit(LEARNERS[name], columns, 10 * r + split) for split in range(given.splits)]
                for r, columns in enumerate(replications)
            ]
        )
        mean = found.reshape(-1, found.shape[2]).mean(axis=0)
        each = " / ".join(f"{value:.2f}" for value in found[:, :, 0].mean(axis=1))
        figures = " | ".join(f"{value:.2f}" for value in mean[:6])
        rows += f"| {name} | {figures} | {each} | {mean[6]:.1f} s |\n"
        print(rows.splitlines()[-1], flush=True)
    if len(given.only) == len(LEARNERS):
        RESULT.write_text(report(files, given.splits, rows))


def report(files: list[Path], splits: int, rows: str) -> str:
    """The page of results."""
    return (
        f"# Deep learners of effects on IHDP\n\n{datetime.now(UTC):%Y-%m-%d}, `python benchmarks/bench_deep_effects.py "
        f"--splits {splits}`: {len(files)} replications ({', '.join(p.name for p in files)}; 747 units, 139 "
        f"treated), {splits} random split(s) each with seed 10 r + split, a tenth left out; learners as "
        "they come.\n\n"
        "| learner | root PEHE in sample | out of fold | out of sample | ATE error in sample (orthogonal score) | out "
        "of sample (networks) | its standard error | root PEHE in sample, each replication | CPU |\n"
        f"|---|---|---|---|---|---|---|---|---|\n{rows}\n"
        "Published, means over 1,000 replications (DragonNet: IHDP as in Shi et al.); other replications and another "
        "split, so they tell the order of size, not who is better:\n\n"
        "| learner | root PEHE in sample | out of sample | ATE error in sample | out of sample | source |\n"
        f"|---|---|---|---|---|---|\n{PUBLISHED}"
    )


if __name__ == "__main__":
    main()
