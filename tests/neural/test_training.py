import torch
from torch import nn

from dorec.domain.run import RunContext
from dorec.neural import ColumnMLP, TrainingLoop, arrays_of, seeded

X = torch.linspace(-2, 2, 64)[:, None]
Y = torch.sin(2 * X)


def fitted(seed=0, **settings):
    context = RunContext(seed=seed, threads=1)
    network = ColumnMLP(1, (1, 16, 1), seeded(context, "weights"))
    loop = TrainingLoop(**{"learning_rate": 0.03, "epochs": 150, "batch_size": 16, **settings})
    training = loop.run(
        network.parameters(), lambda rows: ((network(X[rows][:, None, :]) - Y[rows]) ** 2).mean(), 64, context=context
    )
    return network, training


def test_a_curve_is_learned():
    assert fitted()[1].best < 0.02


def test_a_seed_repeats_and_another_does_not():
    one, two, other = (arrays_of(fitted(seed, epochs=3)[0]) for seed in (0, 0, 1))
    assert all((one[name] == two[name]).all() for name in one)
    assert any((one[name] != other[name]).any() for name in one)


def test_it_stops_when_the_objective_no_longer_falls():
    weight = nn.Parameter(torch.zeros(1))
    asked = iter([3.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    loop = TrainingLoop(epochs=50, patience=2)
    training = loop.run([weight], lambda rows: (weight**2).sum(), 4, objective=lambda: next(asked))
    assert training.objectives == (3.0, 2.0, 2.0, 2.0)
    assert training.stopped_early


def test_every_row_is_in_one_batch_of_an_epoch():
    weight, seen = nn.Parameter(torch.zeros(1)), []

    def loss(rows):
        seen.extend(rows.tolist())
        return (weight**2).sum()

    TrainingLoop(epochs=2, batch_size=3).run([weight], loss, 8)
    assert sorted(seen[:8]) == list(range(8)) == sorted(seen[8:])
    assert seen[:8] != seen[8:]


def test_projections_hold_after_each_step_and_threads_come_back():
    before = torch.get_num_threads()
    weight = nn.Parameter(torch.ones(1))

    def clamp():
        weight.clamp_(min=0.5)

    TrainingLoop(learning_rate=0.5, epochs=5).run(
        [weight], lambda rows: weight.sum(), 4, after_step=clamp, context=RunContext(threads=1)
    )
    assert float(weight.detach()) == 0.5
    assert torch.get_num_threads() == before
