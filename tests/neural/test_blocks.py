import pytest

torch = pytest.importorskip("torch")

from dorec.domain.run import RunContext  # noqa: E402
from dorec.neural import HistoryEncoder, perceptron, random_stream  # noqa: E402


def encoder():
    with random_stream(RunContext(seed=0), "weights"):
        return HistoryEncoder(n_tokens=9, length=6, size=8, n_layers=2)


def test_padding_changes_nothing():
    net = encoder()
    short, padded = torch.tensor([[3, 1, 4]]), torch.tensor([[0, 0, 0, 3, 1, 4]])
    torch.testing.assert_close(net(short), net(padded)[:, 3:])


def test_a_place_reads_what_went_before_and_nothing_after():
    net = encoder()
    one, two = net(torch.tensor([[3, 1, 4, 1, 5]])), net(torch.tensor([[3, 1, 4, 2, 5]]))
    torch.testing.assert_close(one[:, :3], two[:, :3])
    assert not torch.allclose(one[:, 4], two[:, 4])


def test_order_matters():
    net = encoder()
    assert not torch.allclose(net(torch.tensor([[3, 1, 4]]))[:, -1], net(torch.tensor([[1, 3, 4]]))[:, -1])


def test_an_empty_history_is_a_number():
    assert torch.isfinite(encoder()(torch.zeros(2, 4, dtype=torch.int64))).all()


def test_a_perceptron_has_the_sizes_it_was_given():
    assert perceptron([3, 7, 2], last=True)(torch.ones(5, 3)).shape == (5, 2)
    assert float(perceptron([3, 7, 2], last=True)(torch.ones(5, 3)).detach().min()) > -1
