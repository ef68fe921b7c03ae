import numpy as np
import pytest

from dorec.discover import BOSS, FCI, GES, PC, EnsembleDiscovery
from dorec.domain.errors import ConfigError, InputError
from dorec.domain.knowledge import Knowledge


def chain(n=800, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    c = a + b + rng.normal(size=n)
    return {"a": a, "b": b, "c": c, "d": c + rng.normal(size=n)}


def test_what_all_agree_on_is_certain():
    graph = EnsembleDiscovery((PC(alpha=0.01), BOSS(), GES())).discover(chain())
    assert graph.directed == (("a", "c"), ("b", "c"), ("c", "d"))
    assert {e.confidence for e in graph.edges} == {1.0}


def test_a_method_that_refuses_is_named_and_the_rest_decide():
    table = chain() | {"e": np.array(["x", "y"] * 400)}
    found = EnsembleDiscovery((PC(), PC(test="chi_square"), BOSS(score="discrete_bic")))
    with pytest.raises(InputError, match="hold no numbers"):  # numbers with too many levels, text: none can
        found.discover(table)
    coarse = {k: np.digitize(v, [-1, 0, 1]) for k, v in chain().items()} | {"e": table["e"]}
    agreement = found.agreement(coarse)
    assert len(agreement.graphs) == 2
    assert all("fisher_z" in label for label in agreement.refused)
    assert len(agreement.refused) == 1
    assert "without" in found.discover(coarse).edges[0].provenance


def test_disputed_pairs_and_agreement_in_numbers():
    strict, loose = PC(alpha=1e-12), PC(alpha=0.6)
    found = EnsembleDiscovery((strict, loose)).agreement(chain(n=60))
    assert found.disputed()
    assert 0 < found.mean_skeleton_f1() < 1
    assert all(found.frequencies().adjacent(*pair) == 0.5 for pair in found.disputed())


def test_knowledge_holds_in_the_answer():
    known = Knowledge(forbidden=(("c", "d"),))
    graph = EnsembleDiscovery((PC(), BOSS(), FCI())).discover(chain(), known)
    assert ("c", "d") not in graph.directed


def test_column_order_does_not_matter():
    table, ensemble = chain(), EnsembleDiscovery((PC(), BOSS()))
    turned = ensemble.discover(dict(reversed(list(table.items()))))
    assert set(ensemble.discover(table).edges) == set(turned.edges)


@pytest.mark.parametrize("settings", [{"discoverers": (PC(),)}, {"discoverers": (PC(), BOSS()), "threshold": 0.0}])
def test_settings_out_of_bounds(settings):
    with pytest.raises(ConfigError):
        EnsembleDiscovery(**settings)
