"""Logs are found, told by content, and read as far as they can be read."""

import bz2
import gzip
import lzma
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest

from download_counter.logs.files import (
    LONGEST_LINE,
    Log,
    LogProblem,
    NoLogs,
    begin_alike,
    find,
    first_lines,
    open_log,
    read,
    whole_lines,
)
from support import CHECKOUT

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": partial(gzip.compress, compresslevel=1),
    "bzip2": partial(bz2.compress, compresslevel=1),
    "xz": partial(lzma.compress, preset=0),
    "zstd": zstd.compress,
}
# More than one block of any of these compressors.
CONTENT = b"".join(b"192.0.2.%d - line %d %s\n" % (n % 256, n, os.urandom(8).hex().encode()) for n in range(20_000))

each_compression = pytest.mark.parametrize("compress", COMPRESSORS.values(), ids=COMPRESSORS)
each_real_compression = pytest.mark.parametrize("compress", list(COMPRESSORS.values())[1:], ids=list(COMPRESSORS)[1:])


def read_far(path: Path | str) -> tuple[bytes, str]:
    """What can be read of a log, and what is wrong with the rest."""
    blocks = []
    try:
        for block in read(path):
            blocks.append(block)  # noqa: PERF402  (what came before the problem is wanted)
    except LogProblem as problem:
        return b"".join(blocks), str(problem)
    return b"".join(blocks), ""


@each_compression
@pytest.mark.parametrize("name", ["access.log", "access.log.2", "access.log.gz", "access.log.xz"])
def test_compression_is_told_by_content_and_not_by_name(
    tmp_path: Path, name: str, compress: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / name
    path.write_bytes(compress(CONTENT))

    assert read_far(path) == (CONTENT, "")
    assert CONTENT.startswith(first_lines(path))
    assert first_lines(path).endswith(b"\n")


def test_logs_compressed_one_after_the_other_into_one_file_are_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "access.log.gz"
    path.write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n"))

    assert read_far(path) == (b"one\ntwo\n", "")


@pytest.mark.parametrize("content", [b"", b"\x1f", b"\x1f\x8b"[:1], b"BZ", b"\xfd7z", b"(\xb5/"])
def test_a_file_too_short_to_be_compressed_is_plain(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(content)

    assert read_far(path) == (content, "")
    assert first_lines(path) == b""


@each_real_compression
def test_of_a_cut_log_all_that_is_there_is_read(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "access.log.gz"
    packed = compress(CONTENT)
    path.write_bytes(packed[: len(packed) * 9 // 10])

    content, problem = read_far(path)

    assert CONTENT.startswith(content)
    assert len(content) > len(CONTENT) // 2
    assert problem.startswith("is cut or damaged: ")


@each_real_compression
def test_of_a_damaged_log_what_comes_before_the_damage_is_read(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "access.log.gz"
    packed = bytearray(compress(CONTENT))
    middle = len(packed) * 3 // 4
    packed[middle : middle + 200] = bytes(200)
    path.write_bytes(packed)

    content, problem = read_far(path)

    assert problem.startswith("is cut or damaged: ")
    # gzip and xz have their checks at the end: what follows the damage may be noise. What a decompressor has read ahead
    # is lost with it, 128 KiB from Python 3.14 on.
    good = len(CONTENT) * 2 // 5
    assert content[:good] == CONTENT[:good]


@each_real_compression
def test_no_damage_is_more_than_a_problem_of_that_log(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "access.log.gz"
    content = CONTENT[:30_000]
    packed = compress(content)
    chance = random.Random(5)
    for _ in range(100):
        damaged = bytearray(packed)
        at = chance.randrange(8, len(packed))
        damaged[at : at + 20] = chance.choice([bytes(20), chance.randbytes(20)])
        path.write_bytes(damaged)

        _, problem = read_far(path)

        assert not problem or problem.startswith(("is cut or damaged: ", "cannot be read: ")), at


def test_only_the_magic_of_a_compression_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    for magic in (b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\x00", b"(\xb5/\xfd"):
        path = tmp_path / "access.log"
        path.write_bytes(magic + b"no log at all\n")

        content, problem = read_far(path)

        assert content == b""
        assert problem.startswith("cannot be read: ")
        assert first_lines(path) == b""


def cut_into(content: bytes, size: int) -> Iterable[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_lines_come_whole_however_the_blocks_are_cut(size: int) -> None:
    blocks = list(whole_lines(cut_into(b"one\ntwo\n\nthree\nstill being wri", size)))

    assert all(block.endswith(b"\n") for block, _ in blocks)
    assert b"".join(block for block, _ in blocks) == b"one\ntwo\n\nthree\n"
    assert sum(dropped for _, dropped in blocks) == 0


def test_a_last_line_without_its_newline_waits() -> None:
    assert list(whole_lines([b"half a line"])) == []
    assert list(whole_lines([])) == []


@pytest.mark.parametrize("end", [b"\nafter\n", b"", b" and more"])
def test_a_line_without_end_is_passed_over_and_told(end: bytes) -> None:
    endless = b"x" * (3 * LONGEST_LINE) + end

    blocks = list(whole_lines([b"before\n", *cut_into(endless, 1 << 16)]))

    assert b"".join(block for block, _ in blocks) == b"before\n" + (b"after\n" if b"\n" in end else b"")
    assert sum(dropped for _, dropped in blocks) == 1


def test_logs_are_found_once_each_and_by_path(tmp_path: Path) -> None:
    for name in ("b.log", "a.log", "c.txt"):
        (tmp_path / name).write_text("x\n")

    logs, problems = find([f"{tmp_path}/*.log", f"{tmp_path}/a*", f"{tmp_path}/nothing*"])

    assert [Path(log.name).name for log in logs] == ["a.log", "b.log"]
    assert logs[0] == Log(tmp_path / "a.log", 2, (tmp_path / "a.log").stat().st_mtime_ns)
    assert problems == [
        f"No access log matches {tmp_path}/nothing*, one of several in LOGS. Correct it, or take it out."
    ]


def test_no_log_is_an_error_that_names_the_globs(tmp_path: Path) -> None:
    with pytest.raises(NoLogs) as caught:
        find([f"{tmp_path}/a*", f"{tmp_path}/b*"])

    assert f"No access log matches {tmp_path}/a* {tmp_path}/b*." in str(caught.value)


def test_what_is_no_plain_file_is_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("x\n")
    (tmp_path / "directory.log").mkdir()
    os.mkfifo(tmp_path / "fifo.log")
    (tmp_path / "device.log").symlink_to("/dev/zero")
    (tmp_path / "lost.log").symlink_to("nowhere")
    (tmp_path / "self.log").symlink_to("self.log")

    logs, problems = find([f"{tmp_path}/*.log"])

    assert [Path(log.name).name for log in logs] == ["a.log"]
    told = {problem.split("/")[-1].split(" ")[0]: problem for problem in problems}
    assert told.keys() == {"directory.log", "fifo.log", "device.log", "lost.log", "self.log"}
    assert "is not a plain file" in told["fifo.log"]
    assert "is a link that leads nowhere (No such file or directory)" in told["lost.log"]


def test_only_what_is_no_log_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.log")

    with pytest.raises(NoLogs):
        find([f"{tmp_path}/*.log"])


def test_a_log_that_is_linked_to_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("x\n")
    (tmp_path / "link.log").symlink_to("a.log")

    logs, problems = find([f"{tmp_path}/link*"])

    assert ([Path(log.name).name for log in logs], problems) == (["link.log"], [])
    assert read_far(logs[0].path) == (b"x\n", "")


def test_a_log_that_has_vanished_since_it_was_found_is_a_problem(tmp_path: Path) -> None:
    gone = tmp_path / "gone.log"

    assert read_far(gone) == (b"", "cannot be read: No such file or directory. The next run tries it again")
    assert first_lines(gone) == b""


@pytest.mark.parametrize("kind", ["fifo", "directory", "device"])
def test_what_took_a_logs_place_meanwhile_holds_nothing_up(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.log"
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "device":
            path.symlink_to("/dev/zero")

    content, problem = read_far(path)

    assert content == b""
    assert problem.startswith(("cannot be read: it is not a plain file.", "cannot be read: Is a directory."))


def test_a_log_that_may_not_be_opened_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("x\n")
    path.chmod(0)
    # root may read anything, unless that right is given up first.
    command = [] if os.geteuid() else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    script = (
        "import sys; from pathlib import Path; from download_counter.logs.files import read; "
        "list(read(Path(sys.argv[1])))"
    )

    done = subprocess.run(
        [*command, sys.executable, "-c", script, path],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "plugins")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "LogProblem: cannot be read: Permission denied" in done.stderr


@each_compression
def test_a_copy_is_known_by_its_content_whatever_its_compression(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    log, copy, longer, other = (tmp_path / name for name in ("a", "copy", "longer", "other"))
    log.write_bytes(CONTENT)
    copy.write_bytes(compress(CONTENT))
    longer.write_bytes(compress(CONTENT + b"one more\n"))
    other.write_bytes(compress(CONTENT[:-2] + b"!\n"))

    assert begin_alike(log, copy, len(CONTENT))
    assert begin_alike(log, longer, len(CONTENT))
    assert begin_alike(longer, log, len(CONTENT))
    assert not begin_alike(log, other, len(CONTENT))


def test_an_open_log_is_closed_when_it_is_done_with(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    for content in (b"x\n", gzip.compress(b"x\n")):
        path.write_bytes(content)
        before = len(os.listdir("/proc/self/fd"))
        with open_log(path) as file:
            assert file.read() == b"x\n"
        assert len(os.listdir("/proc/self/fd")) == before
