"""Records of delimited text against a slow reading, character by character."""

import csv
import io

from hypothesis import example, given, settings
from hypothesis import strategies as st

from dorec.ingest.records import split_records


def slow(data):
    """(start, end, lines before, fields or 0 where quotes are broken), blank lines left out; a state machine."""
    found, at = [], 0
    while at < len(data):
        start, fields, state, broken, place = at, 1, "start", False, at
        while place < len(data):
            c = data[place : place + 1]
            if state == "start" and c == b'"':
                state = "quoted"
            elif state == "quoted":
                if c == b'"':
                    state = "closing"
            elif state == "closing":
                if c == b'"':
                    state = "quoted"
                elif c == b",":
                    fields, state = fields + 1, "start"
                elif c == b"\n" or (c == b"\r" and data[place + 1 : place + 2] in (b"\n", b"")):
                    place += c == b"\r"
                    break
                else:
                    broken = True
                    break
            elif c == b"\n":
                break
            elif c == b",":
                fields, state = fields + 1, "start"
            else:
                state = "plain"
            place += 1
        if broken or state == "quoted":
            place, fields = data.find(b"\n", start), 0
            place = len(data) if place < 0 else place
        end = min(place, len(data))
        trimmed = end - 1 if end > start and data[end - 1 : end] == b"\r" else end
        if trimmed > start:
            found.append((start, trimmed, data.count(b"\n", 0, start), fields))
        at = end + 1
    return found


def as_rows(records):
    columns = (records.starts, records.ends, records.lines, records.columns)
    return list(zip(*(c.tolist() for c in columns), strict=True))


texts = st.lists(
    st.sampled_from(["a", ",", '"', '""', "\n", "\r\n", '"x,y"', '"p\nq"', ',"', '",', "b,c\n"]), max_size=25
)


@given(texts)
@settings(max_examples=400, deadline=None)
@example(['"'])
@example(["a", '"', "\n", "b,c\n"])
@example([',"', "a", "\n", "b,c\n", '"x,y"', "\n"])
def test_records_are_those_of_the_slow_reading(pieces):
    data = "".join(pieces).encode()
    assert as_rows(split_records(data, ",", last=True, row_bytes=10_000)) == slow(data)


fields = st.lists(st.lists(st.text('ab,"\n \r', max_size=6), min_size=2, max_size=2), min_size=1, max_size=12)


@given(fields)
@settings(max_examples=200, deadline=None)
def test_what_a_csv_writer_wrote_is_found_row_by_row(rows):
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows(rows)
    data = buffer.getvalue().encode()
    found = split_records(data, ",", last=True, row_bytes=10_000)
    assert found.columns.tolist() == [2] * len(rows)
    assert not found.broken.any()
    assert not found.returns.any()


@given(texts, st.integers(1, 40))
@settings(max_examples=300, deadline=None)
def test_a_cut_anywhere_changes_nothing(pieces, cut):
    """Reading in two pieces, the rest of the first carried over, gives the records of the whole."""
    data = "".join(pieces).encode()
    whole = split_records(data, ",", last=True, row_bytes=10_000)
    if '"' in data.decode() and whole.broken.any():
        return  # where a broken quote ends depends on what follows it
    first = split_records(data[:cut], ",", last=False, row_bytes=10_000)
    rest = split_records(data[first.consumed :], ",", last=True, row_bytes=10_000)
    lines = data.count(b"\n", 0, first.consumed)
    moved = [(a + first.consumed, b + first.consumed, n + lines, c) for a, b, n, c in as_rows(rest)]
    assert as_rows(first) + moved == as_rows(whole)


def test_a_carriage_return_of_its_own_is_seen():
    found = split_records(b'a,b\rc\r\n"x\ry",2\r\n', ",", last=True, row_bytes=100)
    assert found.returns.tolist() == [True, False]


def test_a_quote_that_stays_open_harms_its_line_alone():
    lines = [b"u%d,i" % i for i in range(2000)]
    lines[700] = b'u700,"open'
    found = split_records(b"\n".join(lines), ",", last=True, row_bytes=1000)
    assert found.broken.sum() == 1
    assert found.lines[found.broken].tolist() == [700]
    assert len(found.lines) == 2000
