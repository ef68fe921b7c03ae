import pytest

from dorec.domain.errors import InputError
from dorec.domain.intervention import Budget, Intervention


@pytest.mark.parametrize(
    ("fields", "text"),
    [({"kind": "shift", "value": 2}, "do(price += 2)"), ({"kind": "policy", "value": "pi"}, "do(price ~ pi)")],
)
def test_an_intervention_reads_as_it_is_written_in_papers(fields, text):
    assert str(Intervention(target="price", **fields)) == text


@pytest.mark.parametrize(
    "build",
    [
        lambda: Intervention(target="x", cost=-1.0),
        lambda: Intervention(target="x", cost=float("nan")),
        lambda: Budget(total=-1.0),
        lambda: Budget(max_units=-1),
        lambda: Budget(cost={"email": float("nan")}),
    ],
)
def test_negative_money_is_refused(build):
    with pytest.raises(InputError):
        build()
