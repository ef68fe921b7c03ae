"""Seven off-policy estimators with intervals on one log, beside obp; coverage and widths on logs of known value.

    DOREC_OBP_PYTHON=/path/to/venv/bin/python python benchmarks/bench_off_policy.py [--quick | --errors WORLD]

`--errors` prints one table of errors alone: "clicks", "mostly clicked" (the same world with a mean reward of .9) or
"digits": the digits of scikit-learn as a bandit (n draws of an image, an action is a class, right ones are rewarded; a
classifier that saw 40 digits logs, one that saw 600 is judged, and the value is exact).

obp 0.5.7 wants Python below 3.11 in its metadata; `pip install --ignore-requires-python --no-deps obp pyieoe` into an
environment that has numpy, pandas, scipy, scikit-learn, torch, matplotlib, seaborn, tqdm and pyyaml serves. Without the
variable the peer is left out, and the table says so. Every figure is of a process of its own, with one thread: CPU
seconds without compilation and without making the log, peak memory of the process (Linux) with the log in it. Both get
the same log from a file; ours takes the policy in single precision or double, obp takes double.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

RESULT = Path(__file__).parent / "results" / "off_policy.md"
PEER = os.environ.get("DOREC_OBP_PYTHON", "")
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS"), "1")

PEAK = '''
def peak():
    """GiB since this program began; ru_maxrss would count the parent's memory too."""
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 2**20
'''

OURS = """
import json, sys, time
import numpy as np
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import (IPS, SNIPS, SNDR, DirectMethod, DoublyRobust, DRos, SwitchDR, off_policy_values)
folders, dtype = sys.argv[1], sys.argv[2]
seven = {"IPS": IPS(), "SNIPS": SNIPS(), "DM": DirectMethod(), "DR": DoublyRobust(), "SNDR": SNDR(),
         "SwitchDR": SwitchDR(), "DRos": DRos()}
warm = LoggedFeedback(action=np.arange(900) % 3, reward=np.arange(900) % 2.0, propensity=np.full(900, 1 / 3),
                      context=np.random.default_rng(0).normal(size=(900, 5)), n_actions=3)
off_policy_values(warm, np.full((900, 3), 1 / 3), seven)
for folder in folders.split(":"):
    policy = np.load(folder + f"/policy_{dtype}.npy")
    parts = {name: np.load(f"{folder}/{name}.npy") for name in ("context", "action", "reward", "propensity")}
    start = time.process_time()
    log = LoggedFeedback(**parts, n_actions=policy.shape[1])
    made = off_policy_values(log, policy, seven)
    bounds = {name: [e.value, *(e.interval() if not e.no_interval else (e.value, e.value))] for name, e in made.items()}
    seconds = time.process_time() - start
    print(json.dumps({"seconds": seconds, "gib": peak(),
                      "bounds": {k: [float(x) for x in v] for k, v in bounds.items()}}))
"""

OBP = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import numpy as np
from sklearn.linear_model import Ridge
from obp.ope import (RegressionModel, OffPolicyEvaluation, DirectMethod, InverseProbabilityWeighting,
    SelfNormalizedInverseProbabilityWeighting, DoublyRobust, SelfNormalizedDoublyRobust, SwitchDoublyRobustTuning,
    DoublyRobustWithShrinkageTuning)
folders, boots = sys.argv[1], int(sys.argv[2])
for folder in folders.split(":"):
    policy = np.load(folder + "/policy_float64.npy")
    names = ("context", "action", "reward", "propensity")
    context, action, reward, p = (np.load(f"{folder}/{name}.npy") for name in names)
    start = time.process_time()
    k = policy.shape[1]
    model = RegressionModel(n_actions=k, base_model=Ridge(alpha=10.0))
    q = model.fit_predict(context=context, action=action, reward=reward, n_folds=3, random_state=0)
    weights = policy[np.arange(len(action)), action] / p
    grid = [float(x) for x in np.quantile(weights, (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999))]
    seven = [InverseProbabilityWeighting(), SelfNormalizedInverseProbabilityWeighting(), DirectMethod(), DoublyRobust(),
             SelfNormalizedDoublyRobust(), SwitchDoublyRobustTuning(lambdas=grid),
             DoublyRobustWithShrinkageTuning(lambdas=[10 * x * x for x in grid])]
    ope = OffPolicyEvaluation(bandit_feedback=dict(n_rounds=len(action), n_actions=k, context=context, action=action,
        reward=reward, pscore=p, position=None), ope_estimators=seven)
    made = ope.estimate_intervals(action_dist=policy[:, :, None], estimated_rewards_by_reg_model=q,
        n_bootstrap_samples=boots, random_state=0)
    seconds = time.process_time() - start
    # the "mean" beside the bounds is that of the bootstrap draws
    points = ope.estimate_policy_values(action_dist=policy[:, :, None], estimated_rewards_by_reg_model=q)
    names = ["IPS", "SNIPS", "DM", "DR", "SNDR", "SwitchDR", "DRos"]
    found = {}
    for name, (key, bounds) in zip(names, made.items()):
        found[name] = [float(points[key]), float(bounds["95.0% CI (lower)"]), float(bounds["95.0% CI (upper)"])]
    print(json.dumps({"seconds": seconds, "gib": peak(),
                      "bounds": found}))
"""


STREAM = """
import json, sys, time
import numpy as np
import pyarrow.parquet as pq
from dorec.evaluate import evaluate_stream
path, k = sys.argv[1], int(sys.argv[2])
taste = np.load(path + ".npy")
def judged(x):
    z = (x @ taste).astype(np.float32)
    np.exp(z - z.max(axis=1, keepdims=True), out=z)
    return z * (0.9 / z.sum(axis=1, keepdims=True)) + np.float32(0.1 / k)
columns = dict(action="a", reward="r", propensity="p", n_actions=k, context=[f"x{i}" for i in range(5)])
evaluate_stream([next(pq.ParquetFile(path).iter_batches(5000))], judged, **columns)
start = time.process_time()
made = evaluate_stream(pq.ParquetFile(path).iter_batches(65_536), judged, **columns)
print(json.dumps({"seconds": time.process_time() - start,
                  "gib": peak(), "values": made.value.tolist()}))
"""


def stream(sizes: list[int], k: int = 10) -> list[str]:
    """CPU seconds and memory of `evaluate_stream` from one Parquet file."""
    lines = ["| rows x actions, from Parquet | CPU s | peak memory of the process |", "|---|---|---|"]
    for n in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/log.parquet"
            write_parquet(path, n, k)
            made = run(sys.executable, STREAM, path, k)[0]
            lines.append(f"| {n:,} x {k} | {made['seconds']:.1f} | {made['gib']:.2f} GiB |")
            print(lines[-1], flush=True)
    return lines


def write_parquet(path: str, n: int, k: int) -> None:
    """A log of n rows in row groups of 500,000, and the taste by which both policies act."""
    taste = (np.random.default_rng(99).normal(size=(5, k)) * 0.5).astype(np.float32)
    np.save(path + ".npy", taste)
    writer = None
    for start in range(0, n, 500_000):
        rng, m = np.random.default_rng(start), min(500_000, n - start)
        x = rng.normal(size=(m, 5)).astype(np.float32)
        logits = x @ taste
        p = 0.8 * softmax(0.5 * logits) + 0.2 / k
        a = np.minimum((p.cumsum(axis=1) < rng.random((m, 1))).sum(axis=1), k - 1)
        r = (rng.random(m) < 1 / (1 + np.exp(2 - 0.7 * logits[np.arange(m), a]))).astype(np.float32)
        contexts = {f"x{i}": x[:, i] for i in range(5)}
        table = pa.table({"a": a.astype(np.int16), "r": r, "p": p[np.arange(m), a].astype(np.float64), **contexts})
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def write_log(folder: str, n: int, k: int, seed: int = 0, base: float = -2.0) -> float:
    """A log of n rows and k actions in float files, and the value of the judged policy on its contexts."""
    rng = np.random.default_rng(seed)
    context = rng.normal(size=(n, 5))
    taste = np.random.default_rng(99).normal(size=(5, k)) * 0.5
    action, propensity, reward = np.empty(n, dtype=np.int64), np.empty(n), np.empty(n)
    policy = {d: np.lib.format.open_memmap(f"{folder}/policy_{d}.npy", "w+", d, (n, k)) for d in ("float32", "float64")}
    total = 0.0
    for start in range(0, n, 50_000):
        rows = slice(start, min(start + 50_000, n))
        logits = context[rows] @ taste
        m = len(logits)
        logged, judged = 0.8 * softmax(0.5 * logits) + 0.2 / k, 0.9 * softmax(logits) + 0.1 / k
        chosen = np.minimum((logged.cumsum(axis=1) < rng.random((m, 1))).sum(axis=1), k - 1)
        click = 1 / (1 + np.exp(-base - 0.7 * logits))
        action[rows], propensity[rows] = chosen, logged[np.arange(m), chosen]
        reward[rows] = rng.random(m) < click[np.arange(m), chosen]
        total += float((judged * click).sum())
        for array in policy.values():
            array[rows] = judged
    save(folder, context=context, action=action, reward=reward, propensity=propensity)
    return total / n


def save(folder: str, **arrays: np.ndarray) -> None:
    for name, array in arrays.items():
        np.save(f"{folder}/{name}.npy", array)


@cache
def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images that no classifier has seen, their classes, and both policies on them."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    images, labels = load_digits(return_X_y=True)
    images, order = images / 16, np.random.default_rng(0).permutation(len(labels))
    weak, good, rest = order[:40], order[40:640], order[640:]
    logged, judged = (LogisticRegression(max_iter=2_000).fit(images[r], labels[r]) for r in (weak, good))
    x = images[rest]
    return x, labels[rest], 0.7 * logged.predict_proba(x) + 0.03, 0.9 * judged.predict_proba(x) + 0.01


def write_digits(folder: str, n: int, k: int, seed: int = 0) -> float:
    """A log of n draws of an image, and the exact value of the judged policy over all images."""
    x, label, logged, judged = digits()
    rng = np.random.default_rng(seed)
    row = rng.integers(len(x), size=n)
    action = np.minimum((logged[row].cumsum(axis=1) < rng.random((n, 1))).sum(axis=1), k - 1)
    reward = (action == label[row]).astype(float)
    save(folder, context=x[row], action=action, reward=reward, propensity=logged[row, action])
    save(folder, policy_float64=judged[row], policy_float32=judged[row].astype(np.float32))
    return float(judged[np.arange(len(x)), label].mean())


WORLDS = {"clicks": write_log, "mostly clicked": partial(write_log, base=2.2), "digits": write_digits}


def softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def run(python: str, code: str, *arguments: object) -> list[dict]:
    """What a process of its own prints, a line of JSON for each log."""
    made = subprocess.run(
        [python, "-c", PEAK + code, *map(str, arguments)], env={**os.environ, **THREADS}, capture_output=True, text=True
    )
    if made.returncode:
        raise SystemExit(made.stderr[-3000:])
    return [json.loads(line) for line in made.stdout.splitlines() if line.startswith("{")]


def speed(sizes: list[tuple[int, int]]) -> list[str]:
    """CPU seconds and memory of the seven estimators, ours beside obp's, on the same logs."""
    lines = [
        "| rows x actions | dorec, float32 policy | dorec, float64 | obp, 100 bootstrap draws | ratio |",
        "|---|---|---|---|---|",
    ]
    for n, k in sizes:
        with tempfile.TemporaryDirectory() as folder:
            write_log(folder, n, k)
            single, double = (run(sys.executable, OURS, folder, dtype)[0] for dtype in ("float32", "float64"))
            peer = run(PEER, OBP, folder, 100)[0] if PEER else None
            cells = [f"{r['seconds']:.2f} s, {r['gib']:.2f} GiB" if r else "not here" for r in (single, double, peer)]
            ratio = f"{peer['seconds'] / double['seconds']:.0f}" if peer else ""
            lines.append(f"| {n:,} x {k} | {cells[0]} | {cells[1]} | {cells[2]} | {ratio} |")
            print(lines[-1], flush=True)
    return lines


def accuracy(world: str, n: int, k: int, replicas: int) -> list[str]:
    """Errors, coverage and widths of both programs over replicas of one log."""
    names, write = ["IPS", "SNIPS", "DM", "DR", "SNDR", "SwitchDR", "DRos"], WORLDS[world]
    with tempfile.TemporaryDirectory() as folder:
        truth = write(folder, 1_000_000 if world != "digits" else 10, k, seed=12345)
    with tempfile.TemporaryDirectory() as folder:
        folders = [f"{folder}/{seed}" for seed in range(replicas)]
        for seed, one in enumerate(folders):
            Path(one).mkdir()
            write(one, n, k, seed=seed)
        rows = {"dorec": [made["bounds"] for made in run(sys.executable, OURS, ":".join(folders), "float64")]}
        if PEER:
            rows["obp"] = [made["bounds"] for made in run(PEER, OBP, ":".join(folders), 200)]
    lines = ["| estimator | program | RMSE / value | interval holds | width / value |", "|---|---|---|---|---|"]
    for name in names:
        for program, found in rows.items():
            if found:
                value, lower, upper = np.array([one[name] for one in found]).T
                covered = (
                    "none given" if (lower == upper).all() else f"{np.mean((lower <= truth) & (truth <= upper)):.2f}"
                )
                error = np.sqrt(np.mean((value - truth) ** 2)) / truth
                width = "" if (lower == upper).all() else f"{np.mean(upper - lower) / truth:.3f}"
                lines.append(f"| {name} | {program} | {error:.4f} | {covered} | {width} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="100,000 rows at most and no file written")
    parser.add_argument("--replicas", type=int, default=100)
    parser.add_argument("--errors", choices=sorted(WORLDS), help="print this world's table of errors alone")
    chosen = parser.parse_args()
    if chosen.errors:
        print("\n".join(accuracy(chosen.errors, 2_000, 10, chosen.replicas)))
        return
    sizes = [(100_000, 10), (100_000, 100)] if chosen.quick else [(1_000_000, 10), (1_000_000, 100)]
    table = speed(sizes)
    streamed = stream([1_000_000] if chosen.quick else [1_000_000, 10_000_000])
    errors = {world: accuracy(world, 2_000, 10, 2 if chosen.quick else chosen.replicas) for world in WORLDS}
    print("\n".join(line for lines in errors.values() for line in lines))
    if chosen.quick:
        return
    day = datetime.now(UTC).date()
    text = [
        "# Off-policy evaluation beside obp 0.5.7",
        "",
        f"{day}, `DOREC_OBP_PYTHON=... python benchmarks/bench_off_policy.py --replicas {chosen.replicas}`. One",
        "thread, a process each, CPU seconds, the log (seed 0) in the memory of the process. IPS, SNIPS, DM, DR, SNDR,",
        "SWITCH and DRos, the last two tuned over nine thresholds, all with intervals (obp's by 100 bootstrap draws,",
        "200 in the table of errors); the reward model is a ridge in three folds.",
        "",
        *table,
        "",
        "## A log that streams by",
        "",
        *streamed,
        "",
        f"## Errors over {chosen.replicas} logs of 2,000 rows x 10 actions",
    ]
    for world, lines in errors.items():
        text += ["", f"### {world}", "", *lines]
    RESULT.write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
