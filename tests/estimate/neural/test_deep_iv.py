import numpy as np
import pytest
import torch

from dorec.domain.errors import ConfigError, InputError, NoInterval, NotFinite, TooFewUnits
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate import DeepIV
from dorec.estimate.neural.mixture_density import Mixture, slopes, two_sample_loss

ONE = RunContext(threads=1)
QUICK = DeepIV(hidden=(24,), epochs=30, learning_rate=0.02, patience=8, components=3)


def market(n=600, seed=0, strong=True):
    """The price follows cost and hidden demand; sales are -2 price + 0.5 price² and rise in demand."""
    rng = np.random.default_rng(seed)
    cost, x, demand = rng.normal(size=(3, n))
    price = (cost if strong else 0.0) + 0.7 * demand + 0.3 * x + 0.2 * rng.normal(size=n)
    sold = -2 * price + 0.5 * price**2 + 3 * demand + x + 0.2 * rng.normal(size=n)
    table = {"cost": cost, "x": x, "price": price, "sold": sold}
    return Study.from_table(
        table, outcome="sold", treatment="price", covariates=["x"], instruments=["cost"], continuous=True
    )


@pytest.fixture(scope="module")
def model():
    return QUICK.fit(market(), context=ONE)


def test_the_curve_is_that_of_the_price_and_not_of_the_demand_behind_it(model):
    study, at = market(), np.array([-1.0, 0.0, 1.0])
    curve = model.dose_response(at).value
    truth = -2 * at + 0.5 * at**2
    line = np.polyfit(study.dose, study.outcome, 2)
    confounded = np.polyval(line, at)
    wrong = np.abs((confounded - confounded[1]) - (truth - truth[1])).max()
    assert np.abs((curve - curve[1]) - (truth - truth[1])).max() < 0.5 * wrong
    assert model.ate().value < -1.2
    assert model.effect(np.array([[0.0], [1.0]])).shape == (2,)


def test_there_is_no_interval(model):
    for estimate in (model.ate(), model.dose_response([0.0])):
        assert "no interval" in estimate.no_interval
        with pytest.raises(NoInterval):
            estimate.interval()
    with pytest.raises(NoInterval):
        model.interval(np.zeros((1, 1)))


def test_weak_instruments_are_told(model):
    assert model.verdicts[0].status == "passed"
    weak = DeepIV(hidden=(8,), epochs=3).fit(market(n=200, strong=False), context=ONE)
    assert weak.ate().verdicts[0].code == "weak_instrument"


def test_the_order_of_rows_leaves_no_trace():
    quick, study = DeepIV(hidden=(4,), epochs=2), market(n=150)
    rows = np.random.default_rng(0).permutation(150)
    one, two = quick.fit(study, context=ONE).ate().value, quick.fit(study.take(rows), context=ONE).ate().value
    assert one == pytest.approx(two, rel=1e-9)


def test_what_it_can_not_answer_is_refused(model):
    study = market(n=150)
    with pytest.raises(InputError, match="instruments"):
        QUICK.fit(study.with_columns(instruments=None))
    table = {"t": np.arange(150) % 2, "z": np.arange(150.0), "y": np.sin(np.arange(150))}
    with pytest.raises(InputError, match="arms"):
        QUICK.fit(Study.from_table(table, outcome="y", treatment="t", instruments=["z"]))
    with pytest.raises(TooFewUnits):
        QUICK.fit(study.take(np.arange(50)))
    with pytest.raises(NotFinite):
        QUICK.fit(study.with_columns(outcome=np.where(np.arange(150) == 3, np.nan, study.outcome)))
    with pytest.raises(InputError, match="outside"):
        model.dose_response([0.0, 99.0])
    with pytest.raises(InputError, match="outside"):
        model.dose_response([np.nan])


@pytest.mark.parametrize("wrong", [{"components": 0}, {"draws": 0}, {"hidden": ()}, {"learning_rate": 0.0}])
def test_settings_out_of_bounds_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        DeepIV(**wrong)


def mixture():
    share = torch.tensor([[0.3, 0.7]], dtype=torch.float64)
    return Mixture(share.log(), torch.tensor([[-1.0, 2.0]]).double(), torch.tensor([[0.5, 1.0]]).double())


def test_a_mixture_is_a_density_and_is_sampled_from():
    grid = torch.linspace(-8, 10, 4001, dtype=torch.float64)
    density = torch.stack([mixture().log_density(point[None])[0] for point in grid]).exp()
    assert float(torch.trapezoid(density, grid)) == pytest.approx(1.0, abs=1e-6)
    torch.manual_seed(0)
    drawn = mixture().sample(20_000)
    assert float(drawn.mean()) == pytest.approx(0.3 * -1 + 0.7 * 2, abs=0.05)


def test_the_two_sample_loss_is_unbiased_for_the_error_of_the_expected_outcome():
    torch.manual_seed(0)
    X = torch.zeros(20_000, 1, dtype=torch.float64)
    doses = mixture().sample(40_000).reshape(20_000, 2)
    loss = two_sample_loss(lambda d, _: d**2, X, torch.full((20_000,), 3.0, dtype=torch.float64), doses)
    expected = 0.3 * (1 + 0.25) + 0.7 * (4 + 1)
    assert float(loss.mean()) == pytest.approx((3 - expected) ** 2, abs=0.6)


def test_slopes_are_derivatives():
    at = torch.tensor([[0.5, 1.5]], dtype=torch.float64)
    assert slopes(lambda d, X: d**3 * X, at, torch.full((1, 1), 2.0)).tolist() == [[1.5, 13.5]]
