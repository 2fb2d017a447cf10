"""A disk with room for less and less of what a night writes, from enough down to nothing."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from smallsite import SmallSite, snapshot
from support import open_folder

PAGE = os.sysconf("SC_PAGE_SIZE")
ROOM = 200


@pytest.fixture
def site() -> Iterator[SmallSite]:
    with open_folder() as folder:
        web_root = folder / "www"
        web_root.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM * PAGE},mode=755", "tmpfs", str(web_root)]
        if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            pytest.skip("needs to mount a tmpfs: root, and a kernel that lets it")
        try:
            yield SmallSite(folder)
        finally:
            subprocess.run(["umount", web_root], check=True)


def leave(web_root: Path, pages: int) -> None:
    """Fill the disk but for some pages."""
    filler = web_root / "filler"
    filler.unlink(missing_ok=True)
    free = os.statvfs(web_root).f_bavail
    filler.write_bytes(b"\0" * PAGE * max(0, free - pages))


def test_on_a_full_disk_nothing_is_half_written_and_the_error_names_what(site: SmallSite) -> None:
    started = snapshot(site.web_root)
    failed = 0
    for pages in (0, 1, 2, 3, 5, 8, 12, 16, 20):
        leave(site.web_root, pages)
        done = site.pelican("--log-handler", "plain")
        (site.web_root / "filler").unlink()
        if done.returncode == 0:
            break
        failed += 1
        assert done.returncode == 1
        assert f"{site.web_root}/" in done.stderr
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr
        now = snapshot(site.web_root)
        assert not [name for name in now if ".download-counter-" in name]
        assert not (site.web_root / "index.html").exists()
        assert {name: what for name, what in now.items() if name.endswith(".iso")} == {
            name: what for name, what in started.items() if name.endswith(".iso")
        }
    assert failed >= 4
    done = site.pelican("--log-handler", "plain")
    assert (done.returncode, done.stderr) == (0, "")
    before = snapshot(site.web_root)
    assert "index.html" in before

    # With a night's pages there, another night that has no room leaves them as they are.
    site.template("index.html", "another page " + "x" * PAGE * 2)
    leave(site.web_root, 1)
    done = site.pelican("--log-handler", "plain")
    (site.web_root / "filler").unlink()
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert snapshot(site.web_root) == before
