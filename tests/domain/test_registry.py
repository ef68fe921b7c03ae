import pytest

from dorec.discover import REGISTRY, make
from dorec.domain.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("boss", {"n_starts": 1e9}, "no whole number"),
        ("pc", {"max_condition": 1.5}, "no whole number or null"),
        ("pc", {"alpha": "abc"}, "no number"),
        ("boss", {"penalty_discount": True}, "no number or null"),
        ("pc", {"alfa": 0.1}, "Did you mean 'alpha'"),
        ("pcc", {}, "Did you mean 'pc'"),
    ],
)
def test_settings_of_another_kind_are_refused(name, settings, said):
    with pytest.raises(ConfigError, match=said):
        make(name, **settings)


def test_every_method_can_be_made_and_says_what_it_is_for():
    for name in REGISTRY:
        assert type(make(name)).__name__
        assert REGISTRY.purpose(name).endswith((".", ".)"))
