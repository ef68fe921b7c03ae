"""A small shop's study that several tests run on."""

import pytest

from dorec.loop.demo import write_shop
from dorec.loop.init import init_study
from dorec.loop.run import run_study
from dorec.simulate import ShopWorld


@pytest.fixture(scope="session")
def world():
    return ShopWorld(n_users=400, n_items=60, seed=3)


@pytest.fixture(scope="session")
def shop(world, tmp_path_factory):
    """Folder of a study that was run once, and its summary."""
    folder = tmp_path_factory.mktemp("shop")
    init_study(folder, write_shop(world, folder / "data"))
    settings = folder / "dorec.toml"
    settings.write_text(settings.read_text().replace("n_folds = 5", "n_folds = 2\nrefute = false"))
    return folder, run_study(folder)
