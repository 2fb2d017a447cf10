"""Copies of this checkout, for tests that run make in one."""

import shutil
import sysconfig
import venv
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def copy_checkout(copy: Path) -> None:
    """Copy this checkout, without what was made in it, and give it a .venv that needs no network.

    Its .venv finds the packages of the running Python, and says that the locks are installed.
    """
    ignored = [line.strip("/") for line in (CHECKOUT / ".gitignore").read_text().splitlines() if line[:1] != "#"]
    # What was made may be whole web roots of images, so nothing that git ignores is copied.
    shutil.copytree(CHECKOUT, copy, ignore=shutil.ignore_patterns(".git", *ignored), symlinks=True)
    venv.create(copy / ".venv", symlinks=True)
    [packages] = (copy / ".venv/lib").glob("*/site-packages")
    (packages / "running.pth").write_text(sysconfig.get_path("purelib") + "\n")
    locks = [copy / name for name in ("requirements.txt", "requirements-dev.txt")]
    (packages / "locks.txt").write_text("".join(lock.read_text() for lock in locks))
