import pytest

from dorec.ingest.cleaning import STEPS, Step


@pytest.mark.parametrize("name", STEPS)
def test_a_step_describes_itself_and_lists_its_parameters(name):
    step = STEPS[name]
    assert isinstance(step, Step)
    assert step.name == name.replace("_", " ")
    assert step.description.split()[0] in {"keeps", "drops", "removes", "marks"}
    assert type(step)(**step.parameters()) == step
