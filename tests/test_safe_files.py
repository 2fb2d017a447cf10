"""Files of a live web root are written whole, through no link, and never at somebody else's cost."""

import os
import signal
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from download_counter.errors import DownloadCounterError
from download_counter.safe_files import (
    TEMPORARY,
    hand_over,
    list_plain,
    lock,
    of_others,
    read_plain,
    remove,
    set_aside,
    stage,
    sweep,
    user_name,
    write_whole,
)

NOBODY, SOMEBODY = 65534, 12345


@pytest.fixture(autouse=True)
def hurry() -> Iterator[None]:
    """Something that waits for ever ends the test."""
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it waits for ever"))
    signal.setitimer(signal.ITIMER_REAL, 10, 1)  # and again: it may wait once more while it cleans up
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)


@pytest.fixture
def as_nobody(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """A function that makes this process another user's than root's, until the test ends."""
    if os.geteuid():
        pytest.skip("needs root")
    for path in (tmp_path, *tmp_path.parents[:3]):  # pytest's folders are their owner's alone
        path.chmod(path.stat().st_mode | 0o055)
    yield lambda: os.seteuid(NOBODY)
    os.seteuid(0)


def folder(path: Path, owner: int, mode: int) -> Path:
    path.mkdir()
    path.chmod(mode)
    os.chown(path, owner, owner)
    return path


def file(path: Path, owner: int, mode: int = 0o644) -> Path:
    path.write_text("a file\n")
    path.chmod(mode)
    os.chown(path, owner, owner)
    return path


@pytest.mark.parametrize(
    ("folder_owner", "folder_mode", "file_owner", "file_mode", "is_found"),
    [
        pytest.param(NOBODY, 0o755, NOBODY, 0o644, "", id="all one's own"),
        pytest.param(NOBODY, 0o755, SOMEBODY, 0o644, "", id="a file that may be replaced"),
        pytest.param(NOBODY, 0o755, SOMEBODY, 0o600, "file", id="the lock, which is opened"),
        pytest.param(NOBODY, 0o755, NOBODY, 0o600, "", id="one's own lock"),
        pytest.param(NOBODY, 0o1755, SOMEBODY, 0o644, "", id="under a sticky folder of one's own"),
        pytest.param(SOMEBODY, 0o1777, SOMEBODY, 0o644, "file", id="under somebody's sticky folder"),
        pytest.param(SOMEBODY, 0o1777, NOBODY, 0o644, "", id="one's own under somebody's sticky folder"),
        pytest.param(SOMEBODY, 0o777, SOMEBODY, 0o644, "", id="under somebody's open folder"),
        pytest.param(SOMEBODY, 0o755, NOBODY, 0o644, "folder", id="under somebody's folder"),
    ],
)
def test_what_is_somebody_elses_is_found_if_it_stands_in_the_way(
    folder_owner: int,
    folder_mode: int,
    file_owner: int,
    file_mode: int,
    is_found: str,
    tmp_path: Path,
    as_nobody: Callable[[], None],
) -> None:
    root = folder(tmp_path / "www", NOBODY, 0o755)
    stats = folder(root / ".stats", folder_owner, folder_mode)
    counts = file(stats / "counts.json", file_owner, file_mode)
    as_nobody()

    assert of_others([(root, Path(".stats/counts.json"))]) == {"": [], "file": [counts], "folder": [stats]}[is_found]


def test_a_folder_above_stands_in_the_way_too_and_the_error_says_whose_it_is(
    tmp_path: Path, as_nobody: Callable[[], None]
) -> None:
    stats = folder(tmp_path / ".stats", SOMEBODY, 0o755)
    folder(stats / "days", NOBODY, 0o755)
    as_nobody()

    assert of_others([(tmp_path, Path(".stats/days/2026.json"))]) == [stats]
    with pytest.raises(DownloadCounterError) as caught:
        write_whole(tmp_path, Path(".stats/counts.json"), b"{}")
    assert str(caught.value) == f"{stats}/counts.json cannot be written. {hand_over([stats])}"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_nothing_stands_in_roots_way(tmp_path: Path) -> None:
    file(folder(tmp_path / ".stats", SOMEBODY, 0o1755) / ".lock", SOMEBODY, 0o600)

    assert of_others([(tmp_path, Path(".stats/.lock"))]) == []


def test_what_is_not_there_stands_in_nobodys_way(tmp_path: Path, as_nobody: Callable[[], None]) -> None:
    as_nobody()

    assert of_others([(tmp_path, Path(".stats/counts.json"))]) == []


def test_the_command_that_hands_files_over_names_the_first_owner_and_no_file_twice(
    tmp_path: Path, as_nobody: Callable[[], None]
) -> None:
    stats = folder(tmp_path / "a b", SOMEBODY, 0o755)
    page = file(tmp_path / "index.html", 0)
    as_nobody()

    said = hand_over([stats, stats / "counts.json", page])

    assert said == (
        f"The counter's user {user_name(NOBODY)} cannot replace files written by {SOMEBODY}. "
        f"As root: chown -R {user_name(NOBODY)}: '{stats}' {page}"
    )


def test_a_file_is_removed_with_the_folders_that_are_empty_then(tmp_path: Path) -> None:
    (tmp_path / "feeds/badges/old").mkdir(parents=True)
    (tmp_path / "feeds/badges/old/a.json").write_text("{}")
    (tmp_path / "feeds/images.json").write_text("[]")

    remove(tmp_path, Path("feeds/badges/old/a.json"))
    assert [path.name for path in tmp_path.rglob("*")] == ["feeds", "images.json"]

    remove(tmp_path, Path("feeds/images.json"))
    assert list(tmp_path.iterdir()) == []
    remove(tmp_path, Path("feeds/images.json"))
    assert tmp_path.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_removed_or_renamed_is_named_and_stays(tmp_path: Path) -> None:
    (tmp_path / "counts.json").mkdir()
    (tmp_path / "counts.json/x").write_text("")

    with pytest.raises(DownloadCounterError, match=r"counts\.json cannot be written"):
        remove(tmp_path, Path("counts.json"))
    with pytest.raises(DownloadCounterError, match=r"days/2026\.json cannot be renamed to aside\.json: No such file"):
        set_aside(tmp_path, Path("days/2026.json"), "aside.json")
    assert [path.name for path in tmp_path.rglob("*")] == ["counts.json", "x"]


def test_what_killed_runs_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    for name in (f"{TEMPORARY}1", f"{TEMPORARY}2", "counts.json", ".lock"):
        (tmp_path / name).write_text("")

    sweep(tmp_path, Path())
    sweep(tmp_path, Path("not/there"))

    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "counts.json"]


def test_to_list_a_folder_makes_none_and_follows_no_link(tmp_path: Path) -> None:
    assert list_plain(tmp_path, Path("days")) == []
    assert list(tmp_path.iterdir()) == []

    (tmp_path / "days").symlink_to(".")
    with pytest.raises(DownloadCounterError, match=f"{tmp_path}/days cannot be read"):
        list_plain(tmp_path, Path("days"))


def test_what_is_discarded_leaves_nothing_not_even_a_folder(tmp_path: Path) -> None:
    staged = stage(tmp_path, Path("en/index.html"), b"a page")
    assert len(list(tmp_path.rglob("*"))) == 2

    staged.discard()
    (tmp_path / "en").rmdir()
    staged.discard()

    assert list(tmp_path.iterdir()) == []


def test_files_with_the_longest_names_that_differ_at_their_end_can_be_written_at_once(tmp_path: Path) -> None:
    names = ["é" * 126 + end for end in ("one", "two")]

    for one in [stage(tmp_path, Path(name), name.encode()) for name in names]:
        one.put()

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: name for name in names}


@pytest.mark.parametrize("system_call", ["fsync", "replace"])
def test_a_write_that_is_stopped_leaves_what_was_there(
    system_call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "counts.json").write_text("{}")

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, system_call, stop)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path, Path("counts.json"), b"[]")

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"counts.json": "{}"}


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_what_is_written_can_be_read_by_the_web_server_under_any_umask(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write_whole(tmp_path, Path("en/deep/index.html"), b"a page")
        after = os.umask(umask)
    finally:
        os.umask(before)

    assert after == umask
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {"en": 0o755, "deep": 0o755, "index.html": 0o644}


@pytest.mark.parametrize("pipe", ["www", "www/.stats"])
def test_a_pipe_in_the_place_of_a_folder_is_refused_and_holds_nobody_up(pipe: str, tmp_path: Path) -> None:
    if pipe != "www":
        (tmp_path / "www").mkdir()
    os.mkfifo(tmp_path / pipe)

    with pytest.raises(DownloadCounterError):
        write_whole(tmp_path / "www", Path(".stats/counts.json"), b"{}")
    with pytest.raises(DownloadCounterError):
        read_plain(tmp_path / "www", Path(".stats/counts.json"))


def test_a_pipe_in_the_place_of_a_file_is_refused_and_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "counts.json")

    with pytest.raises(DownloadCounterError, match="is not a plain file"):
        read_plain(tmp_path, Path("counts.json"))


def test_a_link_that_somebody_quick_puts_in_the_place_of_a_temporary_file_is_not_written_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "www").mkdir()
    (tmp_path / "outside").write_text("not ours\n")

    def plant(name: str, *, dir_fd: int) -> None:
        os.symlink("../outside", name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", plant)
    with pytest.raises(DownloadCounterError):
        stage(tmp_path / "www", Path("index.html"), b"a page")

    assert (tmp_path / "outside").read_text() == "not ours\n"


def test_a_lock_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    (tmp_path / "www/.lock").symlink_to("../outside")

    with pytest.raises(DownloadCounterError, match=r"\.lock is not written"), lock(tmp_path / "www", Path(".lock")):
        pytest.fail("it was taken")

    assert not (tmp_path / "outside").exists()


def test_who_waited_for_the_lock_in_vain_hears_how_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 10_000, 60))
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    monkeypatch.setattr(time, "sleep", lambda _: None)

    with (
        lock(tmp_path, Path(".lock")),
        pytest.raises(DownloadCounterError, match="for 10 minutes"),
        lock(tmp_path, Path(".lock")),
    ):
        pytest.fail("it was taken twice")
