"""Modules whose examples run an optional package are not collected where it is absent."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("causallearn") else ["src/dorec/discover/causal_learn.py"]
