"""What importing dorec may cost, and which words may not stand in its source."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "dorec"
FILES = sorted(SOURCE.rglob("*.py"))
UNSAFE_IMPORTS = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "yaml"}
UNSAFE_CALLS = {"eval", "exec", "joblib.load", "joblib.dump", "torch.load", "torch.save", "np.load", "numpy.load"}


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_dorec_loads_neither_torch_nor_pandas_nor_numpy():
    loaded = run("import sys, dorec; print(*sys.modules)").split()
    assert {"torch", "pandas", "numpy", "sklearn", "duckdb", "ibis"} & set(loaded) == set()


def test_importing_dorec_is_light():
    code = "import sys; before = set(sys.modules); import dorec; print(*sorted(set(sys.modules) - before))"
    loaded = run(code).split()
    assert [name for name in loaded if name.split(".")[0] not in sys.stdlib_module_names] == ["dorec"]


def test_the_nouns_load_neither_torch_nor_pandas():
    nouns = "CausalGraph, Knowledge, CausalQuery, Study, Estimate, EventLog, Dataset, LoggedFeedback, RunContext"
    loaded = run(f"import sys; from dorec import {nouns}; print(*sys.modules)").split()
    assert {"torch", "pandas", "sklearn"} & set(loaded) == set()


def test_every_public_name_of_dorec_can_be_imported():
    import dorec

    assert [name for name in dorec.__all__ if getattr(dorec, name, None) is None] == []


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SOURCE)))
def test_nothing_unpickles_or_evaluates(file):
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.split(".")[0] in UNSAFE_IMPORTS]
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in UNSAFE_IMPORTS:
            found.append(node.module)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in UNSAFE_CALLS:
            found.append(ast.unparse(node.func))
    assert found == []


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SOURCE)))
def test_functions_stay_short(file):
    """At most 60 lines of code; a docstring with its example is documentation and not counted."""
    long = {}
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            code = node.body[1:] if ast.get_docstring(node) else node.body
            if code and (length := (node.end_lineno or 0) - code[0].lineno + 1) > 60:
                long[node.name] = length
    assert long == {}


def test_the_rooms_keep_their_walls():
    started = time.perf_counter()
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(lint)], capture_output=True, text=True, cwd=SOURCE.parents[1], check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert time.perf_counter() - started < 60
