import pytest

from dorec.domain.errors import ConfigError, InputError
from dorec.recommend import REGISTRY, from_arrays, make


def test_unknown_names_and_settings_are_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"no recommender 'eas'.*Did you mean 'ease'\?"):
        make("eas")
    with pytest.raises(ConfigError, match=r"als has no setting 'embeding_size'.*Did you mean 'embedding_size'\?"):
        make("als", embeding_size=3)
    with pytest.raises(ConfigError, match=r"popularity has no setting 'k'\. It has none"):
        make("popularity", k=3)
    with pytest.raises(ConfigError, match="no number"):
        make("ease", reg="much")


@pytest.mark.parametrize("name", REGISTRY)
def test_a_model_of_other_data_is_refused(name, tastes):
    arrays, metadata = make(name).fit(tastes).to_arrays()
    fewer = type(tastes)(
        users=tastes.users,
        items=tastes.items[:-1],
        user_index=tastes.user_index,
        item_index=tastes.item_index.clip(max=len(tastes.items) - 2),
        weight=tastes.weight,
    )
    with pytest.raises(InputError, match="other items"):
        from_arrays(arrays, metadata, fewer)


@pytest.mark.parametrize("name", REGISTRY)
def test_damaged_arrays_and_metadata_are_refused(name, tastes):
    arrays, metadata = make(name).fit(tastes).to_arrays()
    with pytest.raises(InputError):
        from_arrays({}, metadata, tastes)
    with pytest.raises(InputError):
        from_arrays(arrays, metadata | {"settings": "{"}, tastes)
    with pytest.raises(InputError):
        from_arrays(arrays, metadata | {"model": "os:system"}, tastes)
    with pytest.raises(InputError):
        from_arrays({n: a[:-1] for n, a in arrays.items()}, metadata, tastes)
