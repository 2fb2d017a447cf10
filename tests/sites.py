"""Whole sites of this checkout, made by the real Pelican from sample web roots: for the tests that look at pages."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import sample
from sample import State
from support import CHECKOUT

STATES: tuple[State, ...] = get_args(State)


def make_site(folder: Path, state: State, siteurl: str) -> Path:
    """Make a web root in a state, with logs, ingest them and build its pages; give the web root.

    `folder` is for this site alone; `siteurl` is the address it will be served at.
    """
    web_root, logs = folder / "files", folder / "logs"
    today = datetime.now(UTC).date()
    images = sample.make_web_root(web_root, state, end=today)
    sample.make_history(web_root, images, state, end=today)
    sample.make_logs(logs, images, end=today)
    build(web_root, logs, siteurl)
    return web_root


def build(web_root: Path, logs: Path, siteurl: str, settings: Path = CHECKOUT / "pelicanconf.py") -> None:
    """Run Pelican as `make publish` does; a failure is the test's, with what Pelican said."""
    done = subprocess.run(
        [sys.executable, "-m", "pelican", "--settings", str(settings), "--fatal", "warnings"],
        cwd=CHECKOUT,
        env={**os.environ, "WEB_ROOT": str(web_root), "LOGS": f"{logs}/*.log*", "SITEURL": siteurl},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
