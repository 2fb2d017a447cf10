"""The tests on each Python, with the locked dependencies and with the lowest that pyproject.toml allows.

    .venv/bin/python -m nox                       all of them, as far as the machine has the Pythons
    .venv/bin/python -m nox -s lowest-3.11        one of them
    .venv/bin/python -m nox -- tests/test_settings.py some tests only

`make test` runs all tests on the Python at hand. Left out here is what does not hang on the Python: servers, browsers,
make, and the documentation's commands.
"""

from pathlib import Path

import nox

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]

# They look at make, or install the lock by themselves; or at servers and browsers.
LEFT_OUT = {"test_makefile.py", "test_docs.py", "test_package.py"}
FOLDERS_LEFT_OUT = {"bench", "browser", "debian", "e2e", "faults", "fuzz", "lives", "night"}

# What the tests import; the linters and browsers of the group `dev` are not needed here.
TOOLS = ["apachelogs", "hatchling", "hypothesis", "maxminddb", "mmdb-writer", "pytest", "uv"]

nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = False


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests with the locked dependencies."""
    session.install("--no-config", "--require-hashes", "-r", "requirements.txt")
    _run_tests(session)


@nox.session(python=PYTHONS)
def lowest(session: nox.Session) -> None:
    """Run the tests with the lowest dependencies that pyproject.toml allows."""
    lowest = Path(session.create_tmp(), "lowest.txt")
    session.run(
        *("uv", "pip", "compile", "--quiet", "--no-config", "--resolution", "lowest-direct", "--upgrade"),
        *("--group", "pyproject.toml:site", "pyproject.toml", "-o", str(lowest)),
        external=True,
    )
    session.install("--no-config", "-r", str(lowest))
    _run_tests(session)


def _run_tests(session: nox.Session) -> None:
    session.install("--no-config", *TOOLS)
    chosen = session.posargs or sorted(
        str(path)
        for path in Path("tests").rglob("test_*.py")
        if path.name not in LEFT_OUT and path.parent.name not in FOLDERS_LEFT_OUT
    )
    session.run("python", "-m", "pytest", "--quiet", "-p", "no:cacheprovider", *chosen)
