from datetime import UTC, datetime, timedelta

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dorec.numeric.clock import DAY, MINUTE, day_of_week, hour_of_day, part, seconds


def test_parts_are_pythons_in_utc(tmp_path):
    rng = np.random.default_rng(0)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    times = [epoch + timedelta(microseconds=int(m)) for m in rng.integers(-(10**17) // 20, 4 * 10**15, 500)]
    times += [epoch + timedelta(seconds=s) for s in (-1, -0.5, 0, 86_399.999_999, 86_400)]
    path = tmp_path / "times.parquet"
    pq.write_table(pa.table({"t": pa.array(times, pa.timestamp("us", "UTC"))}), path)
    table = ibis.duckdb.connect().read_parquet(path)
    t = table.t
    out = table.select(s=seconds(t), h=hour_of_day(t), w=day_of_week(t), d=part(t, DAY), m=part(t, MINUTE))
    whole = [(when - epoch) // timedelta(seconds=1) for when in times]
    expected = {
        "s": whole,
        "h": [when.hour for when in times],
        "w": [when.weekday() for when in times],
        "d": [s // DAY for s in whole],
        "m": [s // MINUTE for s in whole],
    }
    assert out.to_pyarrow().to_pydict() == expected
