"""Recommenders learned by neural networks: the classes load without torch; `fit` needs it (dorec[deep])."""

from importlib import import_module


def load_torch() -> None:
    """Say what to install where torch is missing, before anything is computed.

    Raises:
        ConfigError: torch is not installed.
    """
    import_module("dorec.neural")
