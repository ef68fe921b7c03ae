import numpy as np
import pytest

from dorec.domain.errors import PostTreatmentCovariate
from dorec.experiment import Mean, analyze, arm_values


def table(moved, n=2_000, k=2):
    rng = np.random.default_rng(0)
    arm = np.arange(n) % k
    x = rng.normal(size=n)
    for a in range(k):
        x[arm == a] += moved * (a == k - 1) - x[arm == a].mean()
    return {"arm": arm, "x": x, "y": x + rng.normal(size=n)}


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("ask", [analyze, arm_values])
def test_a_covariate_that_the_treatment_moved_is_refused(ask, k):
    with pytest.raises(PostTreatmentCovariate, match=r"'x' differs by 0\.5.*from before the experiment") as caught:
        ask(table(0.5, k=k), treatment="arm", metrics=[Mean("y")], covariate="x")
    assert caught.value.code == "bad_control"
    assert caught.value.evidence["p_value"] < 1e-4
    ask(table(0.5, k=k), treatment="arm", metrics=[Mean("y")])


@pytest.mark.parametrize(("moved", "status"), [(0.0, "passed"), (0.14, "warning")])
def test_a_covariate_is_doubted_before_it_is_refused(moved, status):
    made = analyze(table(moved), treatment="arm", metrics=[Mean("y")], covariate="x")["y"]
    verdict = next(v for v in made.verdicts if v.check == "covariate from before")
    assert verdict.status == status
    assert (verdict.code == "covariate_moved") == (status == "warning")


def test_the_arm_itself_is_no_covariate_and_a_constant_does_no_harm():
    rows = table(0.0)
    with pytest.raises(PostTreatmentCovariate):
        analyze(rows, treatment="arm", metrics=[Mean("y")], covariate="arm")
    analyze({**rows, "one": np.ones(2_000)}, treatment="arm", metrics=[Mean("y")], covariate="one")
