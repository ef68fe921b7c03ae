"""Mediation's intervals cover its five effects, with any learner, where the mediator is a number, a class, or rare."""

import pytest

from dorec import RunContext
from dorec.estimate import Mediation
from dorec.refute import DESIGN_WORLDS, coverage_of


@pytest.mark.truth
@pytest.mark.parametrize("kind", ["linear", "nonlinear", "5% binary"])
def test_coverage_with_the_default_learners(kind: str) -> None:
    """The slow lane has linear ones."""
    world, learner = DESIGN_WORLDS[f"mediator, {kind}"], Mediation(mediators=("m",))
    counted = coverage_of(learner, world, answer=lambda model: model.effects(), context=RunContext(threads=1))
    for effect in counted:
        print(f"{kind}, {effect.effect}: coverage {effect.covered:.3f}, se / sd {effect.se_over_sd:.2f}")
    assert [effect.effect for effect in counted if not 0.92 <= effect.covered <= 0.98] == []
    assert max(abs(effect.se_over_sd - 1) for effect in counted) < 0.1
