import numpy as np

from dorec import RunContext
from dorec.domain.run import Run


def test_streams_are_reproducible_and_independent():
    a, b = RunContext(seed=3).rng("folds").random(5), RunContext(seed=3).rng("folds").random(5)
    assert np.array_equal(a, b)
    assert not np.array_equal(a, RunContext(seed=3).rng("bootstrap").random(5))
    assert not np.array_equal(a, RunContext(seed=4).rng("folds").random(5))


def test_a_silent_context_tracks_without_a_sound(capsys):
    assert list(RunContext().track(range(3), "counting")) == [0, 1, 2]
    assert capsys.readouterr().out == ""


def test_a_run_ends_once_with_its_results():
    run = Run(run_id="r", command="dorec run x", seed=0).finish("done", estimates=3)
    assert run.status == "done"
    assert run.finished is not None
    assert run.finished >= run.started
    assert run.results == {"estimates": 3}
