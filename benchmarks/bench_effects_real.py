"""Effects in real data whose answer is known or published: IHDP, LaLonde, Card, NHEFS, Hillstrom.

Run: [ECONML_PYTHON=/path/to/python] python benchmarks/bench_effects_real.py FOLDER [ihdp lalonde card nhefs hillstrom];
FOLDER holds ihdp/, lalonde/, iv/, nhefs/ and hillstrom/ as the public repositories have them. Writes
benchmarks/results/effects_real.md, section by section: those that are not named keep what they have. econml needs an
environment of its own; without ECONML_PYTHON its rows are left out.
"""

import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
RESULTS = Path(__file__).parent / "results" / "effects_real.md"
SPLITS = 3  # of each replication of IHDP: nine in ten units to learn from
PUBLISHED = (  # of 1,000 replications: Shalit, Johansson, Sontag 2017, table 1, arXiv:1606.03976
    ("OLS, one for both arms", "5.8 / 5.8", ".73 / .94"),
    ("OLS, one for each arm", "2.4 / 2.5", ".14 / .31"),
    ("k nearest neighbours", "2.1 / 4.1", ".14 / .79"),
    ("BART", "2.1 / 2.3", ".23 / .34"),
    ("random forest", "4.2 / 6.6", ".73 / .96"),
    ("causal forest", "3.8 / 3.8", ".18 / .40"),
    ("TARNet (deep)", ".88 / .95", ".26 / .28"),
    ("CFR, Wasserstein (deep)", ".71 / .76", ".25 / .27"),
)
Split = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def ihdp_splits(folder: Path) -> list[Split]:
    """Covariates, treatment, outcome, true effect, and whether a unit is learned from, of each split."""
    splits = []
    for file in sorted(folder.glob("ihdp_npci_*.csv.gz")):
        raw = np.loadtxt(file, delimiter=",")
        for seed in range(SPLITS):
            inside = np.ones(len(raw), dtype=bool)
            inside[np.random.default_rng(seed).permutation(len(raw))[: len(raw) // 10]] = False
            splits.append((raw[:, 5:], raw[:, 0].astype(int), raw[:, 1], raw[:, 4] - raw[:, 3], inside))
    return splits


def errors(effect: np.ndarray, truth: np.ndarray, inside: np.ndarray) -> list[float]:
    """Root PEHE and error of the mean effect, of the units learned from and of the others."""
    out = []
    for part in (inside, ~inside):
        gap = effect[part] - truth[part]
        out += [float(np.sqrt((gap**2).mean())), float(abs(gap.mean()))]
    return out


def dorec_ihdp(split: Split, learners: dict[str, Any], context: Any) -> dict[str, list[float]]:
    from dorec import Study

    x, t, y, truth, inside = split
    names = [f"x{j:02}" for j in range(x.shape[1])]
    table = dict(zip(names, x[inside].T, strict=True)) | {"t": t[inside], "y": y[inside]}
    study = Study.from_table(table, outcome="y", treatment="t", covariates=names, control=0)
    found = {}
    for name, learner in learners.items():
        start = time.process_time()
        model = learner.fit(study, context=context)
        effect = model.effect(x)
        spent = time.process_time() - start
        ate = model.ate()
        goal = float(truth[inside].mean())
        lower, upper = ate.interval()
        row = errors(effect, truth, inside)
        row[1] = abs(ate.value - goal)  # the estimator's own average, in the place of the mean of its effects
        found[name] = [*row, float(lower <= goal <= upper), spent]
    return found


def econml_ihdp(folder: Path) -> dict[str, list[list[float]]]:
    """Run in econml's environment: the same splits, scikit-learn's gradient boosting in each."""
    warnings.simplefilter("ignore")
    from econml.dml import CausalForestDML
    from econml.dr import DRLearner
    from econml.metalearners import SLearner, TLearner, XLearner
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    regressor, classifier = GradientBoostingRegressor(random_state=0), GradientBoostingClassifier(random_state=0)
    makers: dict[str, Callable[[], Any]] = {
        "econml S-learner": lambda: SLearner(overall_model=regressor),
        "econml T-learner": lambda: TLearner(models=regressor),
        "econml X-learner": lambda: XLearner(models=regressor, propensity_model=classifier),
        "econml DRLearner": lambda: DRLearner(
            model_propensity=classifier, model_regression=regressor, model_final=regressor, cv=5, random_state=0
        ),
        "econml CausalForestDML": lambda: CausalForestDML(
            model_y=regressor, model_t=classifier, discrete_treatment=True, n_estimators=500, cv=5, random_state=0
        ),
    }
    found: dict[str, list[list[float]]] = {name: [] for name in makers}
    for x, t, y, truth, inside in ihdp_splits(folder):
        for name, make in makers.items():
            start = time.process_time()
            effect = make().fit(y[inside], t[inside], X=x[inside]).effect(x).ravel()
            found[name].append([*errors(effect, truth, inside), float("nan"), time.process_time() - start])
    return found


def ihdp(folder: Path) -> list[str]:
    from dorec import RunContext
    from dorec.estimate import AIPW, CausalForest, DRLearner, RLearner, SLearner, TLearner, XLearner

    learners = {
        "AIPW": AIPW(),
        "S-learner": SLearner(),
        "T-learner": TLearner(),
        "X-learner": XLearner(),
        "R-learner": RLearner(),
        "DR-learner": DRLearner(),
        "causal forest": CausalForest(),
    }
    rows: dict[str, list[list[float]]] = {name: [] for name in learners}
    for split in ihdp_splits(folder / "ihdp"):
        for name, row in dorec_ihdp(split, learners, RunContext(threads=1)).items():
            rows[name].append(row)
    rows |= peers(folder / "ihdp")
    lines = [
        "## IHDP: 3 replications, 3 splits of each",
        "",
        "Nine in ten of 747 units are learned from. Root PEHE and error of the average effect, of these units / of the "
        "others; means over the 9 splits. Published figures are of 1,000 replications of varied scale: only "
        "rows of one run compare; dorec's learners share their nuisances, which the first row pays for.",
        "",
        "| method | root PEHE | error of the average | 95% interval of the average holds | CPU s |",
        "|---|---|---|---|---|",
    ]
    for name, found in rows.items():
        m = np.mean(found, axis=0)
        held = "" if np.isnan(m[4]) else f"{int(sum(row[4] for row in found))} of {len(found)}"
        lines.append(f"| {name} | {m[0]:.2f} / {m[2]:.2f} | {m[1]:.2f} / {m[3]:.2f} | {held} | {m[5]:.1f} |")
    return [*lines, *(f"| published: {name} | {pehe} | {ate} | | |" for name, pehe, ate in PUBLISHED), ""]


def peers(folder: Path) -> dict[str, list[list[float]]]:
    if not os.environ.get("ECONML_PYTHON"):
        print("ECONML_PYTHON is not set: econml's rows are left out")
        return {}
    command = [os.environ["ECONML_PYTHON"], __file__, "econml", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | ONE_THREAD)
    return dict(json.loads(done.stdout))


def row_of(name: str, estimate: Any) -> str:
    bounds = "none" if estimate.no_interval else "{:,.0f} to {:,.0f}".format(*estimate.interval())
    doubts = ", ".join(v.code for v in estimate.verdicts if not v) or "none"
    return f"| {name} | {estimate.value:,.0f} | {bounds} | {doubts} |"


def lalonde_study(folder: Path, controls: str | None) -> Any:
    import pandas as pd

    from dorec import Study

    table = pd.read_csv(folder / "lalonde" / "nsw_dw.csv.gz")
    if controls:
        others = pd.read_csv(folder / "lalonde" / f"{controls}.csv.gz")
        table = pd.concat([table[table["treat"] == 1], others])
    table = table.assign(u74=table["re74"] == 0, u75=table["re75"] == 0).astype({"u74": float, "u75": float})
    before = ["age", "education", "black", "hispanic", "married", "nodegree", "re74", "re75", "u74", "u75"]
    return Study.from_table(table, outcome="re78", treatment="treat", covariates=before, control=0)


def lalonde(folder: Path) -> list[str]:
    from dorec import RunContext
    from dorec.domain.errors import Refusal
    from dorec.estimate import AIPW, IPW, TMLE, Matching, RegressionAdjustment, naive_difference

    learners = {
        "regression adjustment": RegressionAdjustment(population="treated"),
        "IPW": IPW(population="treated"),
        "AIPW": AIPW(population="treated"),
        "TMLE": TMLE(population="treated"),
        "matching, 4 neighbours": Matching(n_neighbours=4, population="treated"),
    }
    lines = ["## LaLonde: training of the unemployed, dollars earned in 1978, effect on the treated", ""]
    for told, controls in (("the experiment", None), ("PSID", "psid_controls"), ("CPS", "cps_controls")):
        study, context = lalonde_study(folder, controls), RunContext(threads=1)
        naive = naive_difference(study).value
        lines += [f"Against the controls of {told}: naive {naive:,.1f}.", ""]
        lines += ["| method | effect | 95% interval | doubts told |", "|---|---|---|---|"]
        for name, learner in learners.items():
            try:
                lines.append(row_of(name, learner.fit(study, context=context).ate()))
            except Refusal as refusal:
                lines.append(f"| {name} | refused | | {refusal.code} |")
        lines.append("")
    return lines


def card(folder: Path) -> list[str]:
    import pandas as pd

    from dorec import Study
    from dorec.estimate import TwoStageLeastSquares
    from dorec.numeric.k_class import k_class, partial_out

    table = pd.read_csv(folder / "iv" / "card.csv.gz")
    regions = [f"reg66{j}" for j in range(2, 10)]
    controls = ["exper", "expersq", "black", "south", "smsa", "smsa66", *regions]
    study = Study.from_table(table, outcome="lwage", treatment="educ", covariates=[c for c in controls if c in table],
                             instruments=["nearc4"], continuous=True)  # fmt: skip
    model = TwoStageLeastSquares().fit(study)
    ones = np.column_stack([np.ones(study.n), study.covariates])
    parts = partial_out(np.column_stack([study.outcome, study.dose]), ones, np.ones(study.n))
    ols = float(k_class(parts[:, 0], parts[:, 1:], parts[:, 1:], 0.0).value[0])
    ate = model.ate()
    sets = "; ".join(f"{a:.3f} to {b:.3f}" for a, b in model.anderson_rubin())
    return [
        "## Card 1995: a year of education, log wage, by the nearness of a college",
        "",
        "| | here | published |",
        "|---|---|---|",
        f"| least squares | {ols:.4f} | .0747 |",
        f"| 2SLS | {ate.value:.4f} (se {ate.std_error:.4f}) | .1315 (.0550) |",
        f"| effective F; Anderson-Rubin set | {model.stages.strength:.1f}; {sets} | |",
        "",
    ]


def nhefs(folder: Path) -> list[str]:
    import pandas as pd

    from dorec import RunContext, Study
    from dorec.estimate import AIPW, IPW, TMLE, DoubleML, Matching, RegressionAdjustment, naive_difference

    table = pd.read_csv(folder / "nhefs" / "NHEFS.csv.gz")
    table = table[table["wt82_71"].notna()].copy()
    for name in ("education", "exercise", "active"):
        table[name] = table[name].astype(int).astype(str)
    bent = ["age", "wt71", "smokeintensity", "smokeyrs"]
    for name in bent:
        table[f"{name} squared"] = table[name] ** 2
    covariates = ["sex", "race", "education", "exercise", "active", *bent, *(f"{name} squared" for name in bent)]
    study = Study.from_table(table, outcome="wt82_71", treatment="qsmk", covariates=covariates, control=0)
    lines = [
        "## NHEFS: kg gained by those who stop smoking (Hernán, Robins: 3.4 to 3.5)",
        "",
        f"Naive {naive_difference(study).value:.2f}.",
        "",
        "| method | effect | 95% interval |",
        "|---|---|---|",
    ]
    context = RunContext(threads=1)
    for learner in (RegressionAdjustment(), IPW(), AIPW(), TMLE(), Matching(n_neighbours=4), DoubleML()):
        ate = learner.fit(study, context=context).ate()
        bounds = "withheld" if ate.no_interval else "{:.2f} to {:.2f}".format(*ate.interval())
        lines.append(f"| {ate.method or type(learner).__name__} | {ate.value:.2f} | {bounds} |")
    return [*lines, ""]


def hillstrom(folder: Path) -> list[str]:
    from dorec import RunContext
    from dorec.estimate import AIPW, DRLearner, TLearner
    from dorec.evaluate import auuc, qini

    study = hillstrom_study(folder)
    context = RunContext(threads=1)
    half = np.random.default_rng(0).random(study.n) < 0.5
    scores = AIPW(n_folds=2).fit(study.take(np.flatnonzero(~half)), context=context).scores
    fresh = study.covariates[~half]
    lines = [
        "## Hillstrom: visits after the women's e-mail, 42,693 customers",
        "",
        "Effects learned on one half, ranked on the other by orthogonal scores with the known propensity; visits in "
        "1,000 customers.",
        "",
        "| learner | Qini | 95% interval | AUUC | 95% interval |",
        "|---|---|---|---|---|",
    ]
    average = AIPW(n_folds=2)
    for name, learner in (("T-learner", TLearner(average=average)), ("DR-learner", DRLearner(average=average))):
        effects = learner.fit(study.take(np.flatnonzero(half)), context=context).effect(fresh)
        parts = [area(effects, scores) * 1_000.0 for area in (qini, auuc)]
        told = " | ".join("{:.2f} | {:.2f} to {:.2f}".format(p.value, *p.interval()) for p in parts)
        lines.append(f"| {name} | {told} |")
    return [*lines, ""]


def hillstrom_study(folder: Path) -> Any:
    import pandas as pd

    from dorec import Study

    table = pd.read_csv(folder / "hillstrom" / "hillstrom.csv.gz")
    table = table[table["segment"] != "Mens E-Mail"]
    before = ["recency", "history", "mens", "womens", "zip_code", "newbie", "channel"]
    made = Study.from_table(table, outcome="visit", treatment="segment", covariates=before, control="No E-Mail")
    share = float((made.treatment == 1).mean())
    return replace(made, propensity=np.tile([1.0 - share, share], (made.n, 1)))


SECTIONS = {"ihdp": ihdp, "lalonde": lalonde, "card": card, "nhefs": nhefs, "hillstrom": hillstrom}


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "econml":
        print(json.dumps(econml_ihdp(Path(sys.argv[2]))))
        return
    if len(sys.argv) < 2 or not Path(sys.argv[1]).is_dir():
        print("no folder of data was given: nothing is measured")
        return
    os.environ |= ONE_THREAD
    before = RESULTS.read_text().split("\n## ")[1:] if RESULTS.exists() else []
    kept = {text.split(":")[0].split(" ")[0].lower(): f"## {text}".rstrip() for text in before}
    for name in sys.argv[2:] or list(SECTIONS):
        kept[name] = "\n".join(SECTIONS[name](Path(sys.argv[1]))).rstrip()
        print(kept[name], flush=True)
        head = f"# Effects in real data\n\n{datetime.now(UTC):%Y-%m-%d}, one thread, defaults of every learner."
        RESULTS.write_text("\n\n".join([head, *(kept[section] for section in SECTIONS if section in kept)]) + "\n")


if __name__ == "__main__":
    main()
