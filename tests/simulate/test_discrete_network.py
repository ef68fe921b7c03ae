import numpy as np
import pytest

from dorec.domain.bif import ConditionalTable
from dorec.domain.errors import ColumnNotFound, ConfigError, CyclicGraph, InputError
from dorec.domain.run import RunContext
from dorec.simulate import DiscreteNetwork

HEADS = ConditionalTable("h", ("no", "yes"), (), np.array([0.3, 0.7]))
DICE = ConditionalTable("d", ("1", "2", "3"), (), np.array([0.2, 0.3, 0.5]))
GIVEN = np.array([[[0.9, 0.1], [0.5, 0.5]], [[0.2, 0.8], [0.4, 0.6]], [[0.0, 1.0], [1.0, 0.0]]])
BOTH = ConditionalTable("b", ("f", "t"), ("d", "h"), GIVEN)
NETWORK = DiscreteNetwork((BOTH, HEADS, DICE))


def test_samples_have_the_tables_frequencies():
    codes = NETWORK.sample_codes(200_000, RunContext(seed=1))
    assert np.bincount(codes["d"]) / 200_000 == pytest.approx(DICE.values, abs=0.005)
    for d in range(3):
        for h in range(2):
            cell = (codes["d"] == d) & (codes["h"] == h)
            assert codes["b"][cell].mean() == pytest.approx(GIVEN[d, h, 1], abs=0.02)
    assert set(np.unique(codes["b"][(codes["d"] == 2) & (codes["h"] == 0)])) == {1}


def test_the_order_of_tables_changes_columns_only():
    other = DiscreteNetwork((DICE, BOTH, HEADS)).sample(50)
    assert other.column_names == ["d", "b", "h"]
    assert other.select(["b", "h", "d"]).equals(NETWORK.sample(50))
    assert not NETWORK.sample(50, RunContext(seed=1)).equals(NETWORK.sample(50))


def test_what_is_set_has_no_causes_and_its_effects_follow():
    forced = NETWORK.do({"d": "3", "h": "yes"})
    assert forced.graph.directed == (("d", "b"), ("h", "b"))
    assert set(forced.sample(100)["b"].to_pylist()) == {"f"}
    assert NETWORK.do({"b": "t"}).graph.directed == ()
    with pytest.raises(ColumnNotFound, match="variables of the network"):
        NETWORK.do({"q": "t"})
    with pytest.raises(ConfigError, match="b has no level 'x'; its levels: f, t"):
        NETWORK.do({"b": "x"})


def test_networks_that_are_none_are_refused():
    with pytest.raises(InputError, match="table of b is"):
        DiscreteNetwork((HEADS, DICE, ConditionalTable("b", ("f", "t"), ("h", "d"), GIVEN)))
    with pytest.raises(InputError, match="no distribution"):
        DiscreteNetwork((ConditionalTable("h", ("no", "yes"), (), np.array([0.3, 0.3])),))
    with pytest.raises(ColumnNotFound):
        DiscreteNetwork((BOTH, HEADS))
    half = np.full((2, 2), 0.5)
    with pytest.raises(CyclicGraph, match=r"x -> y -> x|y -> x -> y"):
        DiscreteNetwork(
            (ConditionalTable("x", ("0", "1"), ("y",), half), ConditionalTable("y", ("0", "1"), ("x",), half))
        )
    with pytest.raises(ConfigError, match="n is 0"):
        NETWORK.sample(0)


def test_bif_and_back():
    again = DiscreteNetwork.from_bif(NETWORK.to_bif())
    assert again.sample(100).equals(NETWORK.sample(100))
