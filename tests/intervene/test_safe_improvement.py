"""What is handed to a safe improvement: candidates, margins and incumbents of any kind, or a refusal."""

import numpy as np
import pytest

from dorec.domain.errors import BadPropensity, ConfigError, InputError
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import IPS
from dorec.intervene import POEM, DRPolicy, PolicyTree, SoftmaxPolicy, TemperedSoftmax, safe_improvement

N = 400
RNG = np.random.default_rng(0)
ACTION = RNG.integers(2, size=N)
LOG = LoggedFeedback(
    context=RNG.normal(size=(N, 1)),
    action=ACTION,
    reward=ACTION + RNG.normal(size=N),
    propensity=np.full(N, 0.5),
    n_actions=2,
)
BOLD = SoftmaxPolicy(scores=lambda x: np.tile([0.0, 3.0], (len(x), 1)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"candidates": {}},
        {"candidates": {"a": 3}},
        {"candidates": {"a": DRPolicy}},
        {"candidates": [BOLD]},
        {"alpha": "a"},
        {"alpha": np.nan},
        {"margin": np.nan},
        {"margin": np.inf},
        {"margin": "a"},
    ],
)
def test_what_can_t_be_judged_is_refused(wrong):
    with pytest.raises(ConfigError):
        safe_improvement(LOG, wrong.pop("candidates", {"bold": BOLD}), IPS(), **wrong)


def test_an_incumbent_may_be_a_list_and_learners_get_its_rows():
    first = np.tile([1.0, 0.0], (N, 1))
    of_array = safe_improvement(LOG, {"tree": PolicyTree(max_depth=1)}, IPS(), incumbent=first)
    of_list = safe_improvement(LOG, {"tree": PolicyTree(max_depth=1)}, IPS(), incumbent=first.tolist())
    assert of_list.lower.tolist() == of_array.lower.tolist()
    with pytest.raises(BadPropensity):
        safe_improvement(LOG, {"tree": PolicyTree(max_depth=1)}, IPS(), incumbent=2 * first)
    with pytest.raises(InputError):
        safe_improvement(LOG, {"tree": PolicyTree(max_depth=1)}, IPS(), incumbent=first[:9])


@pytest.mark.parametrize("learner", [POEM, DRPolicy, TemperedSoftmax])
def test_a_penalty_is_a_number(learner):
    with pytest.raises(ConfigError, match="penalty"):
        learner(penalty=np.nan)
