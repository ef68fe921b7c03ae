"""Writes batches to a study while being killed again and again; run as a script, it prints what was lost or doubled.

A child appends batches and says through a pipe which ones were acknowledged; the parent kills it with SIGKILL at a
random moment and forks the next, which sends again from the first batch that was not acknowledged (and one that was).
"""

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset  # else each child loads it at its first repeated batch

from dorec.domain.event_log import event_schema
from dorec.ingest import Batch
from dorec.ingest.batch import QUARANTINE_SCHEMA, Rejected
from dorec.store import StudyFolder

ROWS, BAD = 50, 2


def batch_of(number):
    schema = event_schema()
    ids = [f"b{number}-{row}" for row in range(ROWS)]
    columns = {"event_id": ids, "user_id": ["u"] * ROWS, "event": ["view"] * ROWS}
    events = pa.table([pa.array(columns.get(f.name, [None] * ROWS), f.type) for f in schema], schema=schema)
    rejected = Rejected()
    for row in range(BAD):
        rejected.add(number * BAD + row, None, "bad_json", b"{")
    quarantined = rejected.to_table("crash", number)
    assert quarantined.schema == QUARANTINE_SCHEMA
    return Batch(events=events, quarantined=quarantined, received=ROWS + BAD, source="crash", index=number)


def child(folder, first, pipe):
    store = StudyFolder.open(folder).event_store
    os.write(pipe, b"ready\n")
    if first:
        store.append(batch_of(random.Random(first).randrange(first)))
    number = first
    while True:
        os.write(pipe, b"begun\n")
        store.append(batch_of(number))
        os.write(pipe, f"{number}\n".encode())
        number += 1


def one_life(folder, first, begun, share):
    """Fork a child and kill it in its `begun`-th append, after a `share` of the time that one takes.

    Returns the next batch to send and the seconds until the child was ready.
    """
    reading, writing = os.pipe()
    started = time.perf_counter()
    process = os.fork()
    if not process:
        os.close(reading)
        child(folder, first, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = [pipe.readline()]
        times = [time.perf_counter()]
        while said.count(b"begun\n") < begun:
            said.append(pipe.readline())
            times.append(time.perf_counter())
        usual = (times[-1] - times[0]) / (begun - 1 + (first > 0)) if begun > 1 or first else 0.02
        time.sleep(share * usual)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        said += pipe.readlines()
    acknowledged = [int(line) for line in said if line.strip().isdigit()]
    return (acknowledged[-1] + 1 if acknowledged else first), times[0] - started


def main(folder, kills, seed):
    StudyFolder.create(folder.with_name("warm")).event_store.append(batch_of(0))  # so that children start warm
    StudyFolder.create(folder)
    chance = random.Random(seed)
    acknowledged, slowest = 0, 0.0
    for _ in range(kills):
        acknowledged, ready = one_life(folder, acknowledged, chance.randint(1, 3), chance.uniform(0.0, 1.3))
        slowest = max(slowest, ready)
    store = StudyFolder.open(folder).event_store
    store.verify()
    held = Counter(store.log().to_arrow(["event_id"]).column(0).to_pylist())
    wanted = {f"b{n}-{row}" for n in range(acknowledged) for row in range(ROWS)}
    totals = store.totals()
    lines = store.quarantine().column("line").to_pylist()
    files = {p.name for p in Path(store.folder).iterdir()}
    print(
        json.dumps(
            {
                "kills": kills,
                "acknowledged": acknowledged,
                "lost": len(wanted - set(held)),
                "doubled": sum(n > 1 for n in held.values()),
                "quarantine_lost": len(set(range(acknowledged * BAD)) - set(lines)),
                "quarantine_doubled": len(lines) - len(set(lines)),
                "conserved": totals.received == totals.stored + totals.duplicates + totals.quarantined,
                "stored_is_held": totals.stored == len(held),
                "rubbish": sorted(n for n in files if n.endswith(".writing")),
                "slowest_ready": slowest,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
