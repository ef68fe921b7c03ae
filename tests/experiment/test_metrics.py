import pytest

from dorec.experiment import Mean, Proportion, Ratio
from dorec.experiment.metrics import columns_of


@pytest.mark.parametrize(
    ("metric", "columns"),
    [
        (Mean("y"), ("y",)),
        (Mean("y", per="unit", covariate="x"), ("y", "x")),
        (Proportion("y"), ("y",)),
        (Ratio("a", "b", covariate=("c", "b")), ("a", "b", "c")),
    ],
)
def test_a_metric_names_the_columns_it_reads(metric, columns):
    assert columns_of(metric) == columns


def test_a_label_renames():
    assert [m.name for m in (Mean("y", label="m"), Proportion("y", label="p"), Ratio("a", "b", label="r"))] == list(
        "mpr"
    )
