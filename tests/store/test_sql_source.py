import sqlite3

import pytest

from dorec.domain.errors import ConfigError, UnreadableSource
from dorec.ingest import infer_roles, read_events
from dorec.store import read_sql


@pytest.fixture
def url(tmp_path):
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute("CREATE TABLE orders (customer_id INTEGER, sku TEXT, amount REAL, order_date TEXT, note TEXT)")
    rows = [(i % 7, f"s{i % 5}", i / 2, f"2026-01-{1 + i % 28:02d}T10:00:00", None) for i in range(250)]
    rows[3] = (None, "s1", 1.0, "2026-01-01T10:00:00", "no customer")
    rows[4] = (1, "s1", "9,90", "2026-01-01T10:00:00", None)
    connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", rows)
    connection.execute("CREATE VIEW january AS SELECT * FROM orders")
    connection.commit()
    connection.close()
    return f"sqlite:///{tmp_path / 'shop.db'}"


def test_rows_of_a_table_come_in_batches_and_are_validated_like_a_file(url):
    tables = list(read_sql(url, table="orders", batch_rows=100))
    assert [t.num_rows for t in tables] == [100, 100, 50]
    roles = infer_roles(tables[1])
    assert roles.columns == {"user_id": "customer_id", "item_id": "sku", "value": "amount", "timestamp": "order_date"}
    batches = list(read_events(iter(tables), roles, name="shop.orders"))
    assert [b.received for b in batches] == [100, 100, 50]
    bad = [row for b in batches for row in b.quarantined.to_pylist()]
    assert [(r["source"], r["line"], r["field"], r["reason"]) for r in bad] == [
        ("shop.orders", 4, "customer_id", "missing_field"),
        ("shop.orders", 5, "amount", "wrong_type"),
    ]


def test_a_view_and_a_query_can_be_read(url):
    assert sum(t.num_rows for t in read_sql(url, table="january")) == 250
    (found,) = read_sql(url, query="SELECT sku, count(*) AS n FROM orders GROUP BY sku ORDER BY sku")
    assert found.column("sku").to_pylist() == [f"s{i}" for i in range(5)]


def test_a_wrong_table_is_named_with_its_neighbour(url):
    with pytest.raises(ConfigError, match="Did you mean 'orders'"):
        list(read_sql(url, table="order"))
    with pytest.raises(ConfigError, match="either"):
        list(read_sql(url))


def test_what_can_not_be_read_is_said_without_the_password(tmp_path):
    with pytest.raises(UnreadableSource, match="syntax error"):
        list(read_sql("sqlite://", query="SELEC 1"))
    with pytest.raises(UnreadableSource) as error:
        list(read_sql(f"sqlite:///{tmp_path}/no/such/folder/x.db", query="SELECT 1"))
    assert "can't be read" in str(error.value)
