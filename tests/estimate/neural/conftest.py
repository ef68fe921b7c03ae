import importlib.util

# the networks need torch, which is an extra
collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["test_*.py"]
