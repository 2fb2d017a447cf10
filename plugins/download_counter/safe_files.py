"""Files in the live web root: written whole or not at all, and never through a link.

The program may run as root over a folder that others can write to, so no name below the
web root is trusted: each folder on the way is opened with `O_NOFOLLOW`, and everything after
that is done relative to the folder that was opened, whatever its name means by then.
"""

import contextlib
import errno
import fcntl
import os
import pwd
import shlex
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from zlib import crc32

from msgspec import Struct

from .errors import DownloadCounterError

FILE_MODE = 0o644
FOLDER_MODE = 0o755

# Whoever may open the lock file may hold the lock, and with it every run.
LOCK_MODE = 0o600

# What temporary files begin with. No page, and nothing of anybody else, is called so.
TEMPORARY = ".download-counter-"

# How long a run waits for another one (seconds). A cold run over years of logs takes minutes.
LOCK_PATIENCE = 600.0


def explain(error: OSError) -> str:
    """Return the system's own words for an error, without the number and the path."""
    return error.strerror or error.__class__.__name__


@contextlib.contextmanager
def open_folder(root: Path, folder: Path, *, create: bool = True) -> Iterator[int]:
    """Open `folder`, a path below `root`, and give its descriptor.

    Missing folders are made, readable by the web server under any umask. `root` itself may be
    a link (the admin's choice); nothing below it may.

    Raises:
        OSError: a part is missing (without `create`), is a link, or is not a folder.
    """
    if ".." in folder.parts:
        raise OSError(errno.ELOOP, "The way leads out of the folder")
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in folder.parts:
            if create:
                _make_folder(part, descriptor)
            below = os.open(
                part,
                os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC,
                dir_fd=descriptor,
            )
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def _make_folder(name: str, parent: int) -> None:
    # Not with a chmod after it: that would follow a link put in the folder's place meanwhile,
    # and a run killed between the two would leave a folder that the web server cannot enter.
    umask = os.umask(0)
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, FOLDER_MODE, dir_fd=parent)
    finally:
        os.umask(umask)


class Staged(Struct, frozen=True):
    """A file that lies complete on the disk under its temporary name.

    `path` is where it goes, relative to `root`.
    """

    root: Path
    path: Path

    @property
    def temporary(self) -> str:
        """The name it has beside its place until it is put there.

        Two runs do not meet, for the whole is done under `lock`. A name may have 255 bytes, so of a long one
        this has a part and a checksum.
        """
        name = os.fsencode(self.path.name)
        return f"{TEMPORARY}{crc32(name):08x}-{os.fsdecode(name[:100])}"

    def put(self) -> None:
        """Rename the file into its place.

        Raises:
            DownloadCounterError: the system refused; the file that was there is still there.
        """
        try:
            with open_folder(self.root, self.path.parent) as folder:
                os.replace(self.temporary, self.path.name, src_dir_fd=folder, dst_dir_fd=folder)
                os.fsync(folder)
        except OSError as error:
            raise _cannot_write(self.root, self.path, error) from error

    def discard(self) -> None:
        """Remove the temporary file, if it is there."""
        with contextlib.suppress(OSError), open_folder(self.root, self.path.parent, create=False) as folder:
            os.unlink(self.temporary, dir_fd=folder)


def sweep(root: Path, folder: Path) -> None:
    """Remove the temporary files that killed runs left in a folder. The caller holds the lock."""
    with contextlib.suppress(OSError), open_folder(root, folder, create=False) as descriptor:
        for name in os.listdir(descriptor):
            if name.startswith(TEMPORARY):
                os.unlink(name, dir_fd=descriptor)


def remove(root: Path, path: Path) -> None:
    """Remove a file, and the folders that are empty without it.

    Raises:
        DownloadCounterError: the system refused; the file is still there.
    """
    try:
        with open_folder(root, path.parent, create=False) as folder:
            os.unlink(path.name, dir_fd=folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _cannot_write(root, path, error) from error
    for parent in list(path.parents)[:-1]:
        try:
            with open_folder(root, parent.parent, create=False) as folder:
                os.rmdir(parent.name, dir_fd=folder)
        except OSError:
            return  # something else is in it


def set_aside(root: Path, path: Path, name: str) -> None:
    """Give a file another name in its folder.

    Raises:
        DownloadCounterError: the system refused; the file keeps its name.
    """
    try:
        with open_folder(root, path.parent, create=False) as folder:
            os.rename(path.name, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError as error:
        raise DownloadCounterError(f"{root / path} cannot be renamed to {name}: {explain(error)}.") from error


def stage(root: Path, path: Path, content: bytes) -> Staged:
    """Write `content` beside its place `root/path` and flush it to the disk.

    Raises:
        DownloadCounterError: no room, no right, or a link in the way; nothing is left behind.
    """
    staged = Staged(root, path)
    try:
        with open_folder(root, path.parent) as folder:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(staged.temporary, dir_fd=folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(staged.temporary, flags, FILE_MODE, dir_fd=folder)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, FILE_MODE)
                file.write(content)
                file.flush()
                os.fsync(descriptor)
    except OSError as error:
        staged.discard()
        raise _cannot_write(root, path, error) from error
    except BaseException:
        staged.discard()
        raise
    return staged


def write_whole(root: Path, path: Path, content: bytes) -> None:
    """Put a file at `root/path` in one step: readers see the old one or the new one.

    Raises:
        DownloadCounterError: as `stage`; the file that was there is still there.
    """
    staged = stage(root, path, content)
    try:
        staged.put()
    except BaseException:
        staged.discard()
        raise


def read_plain(root: Path, path: Path, most: int = -1) -> bytes | None:
    """Return the content of a file, at most so many bytes, or None if there is none; no link is followed below `root`.

    Raises:
        DownloadCounterError: it is a link or no plain file, or cannot be read.
    """
    try:
        with open_folder(root, path.parent, create=False) as folder:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(path.name, flags, dir_fd=folder)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise DownloadCounterError(f"{root / path} is not a plain file. Move it away and run again.")
                return file.read(most)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DownloadCounterError(
            f"{root / path} cannot be read: {explain(error)}. "
            "It must be a plain file, not a link, that this user may read."
        ) from error


def list_plain(root: Path, folder: Path) -> list[str]:
    """Return the names in a folder, none if there is no such folder; no link is followed on the way.

    Raises:
        DownloadCounterError: it is a link or no folder, or cannot be read.
    """
    try:
        with open_folder(root, folder, create=False) as descriptor:
            return sorted(os.listdir(descriptor))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DownloadCounterError(
            f"{root / folder} cannot be read: {explain(error)}. "
            "It must be a folder, not a link, that this user may read."
        ) from error


@contextlib.contextmanager
def lock(root: Path, path: Path) -> Iterator[None]:
    """Hold the lock file `root/path`, after waiting for whoever holds it.

    The lock is the kernel's (flock(2)) and ends with the process that took it, however that
    ends: a file left behind blocks nobody.

    Raises:
        DownloadCounterError: another run did not end in time, or the file cannot be made.
    """
    try:
        with open_folder(root, path.parent) as folder:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(path.name, flags, LOCK_MODE, dir_fd=folder)
    except OSError as error:
        raise _cannot_write(root, path, error) from error
    with os.fdopen(descriptor, "rb"):
        until = time.monotonic() + LOCK_PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise DownloadCounterError(
                        f"Another run has been at work in {root} for "
                        f"{LOCK_PATIENCE / 60:.0f} minutes. Nothing was done; look what it does."
                    ) from None
                time.sleep(0.1)
            except OSError as error:
                raise _cannot_write(root, path, error) from error
        yield


def _cannot_write(root: Path, path: Path, error: OSError) -> DownloadCounterError:
    if error.errno in (errno.ENOTDIR, errno.ELOOP):  # what O_DIRECTORY and O_NOFOLLOW answer
        return DownloadCounterError(
            f"{root / path} is not written: a folder on the way is a link or a file. "
            "Below the web root everything this program writes must be real folders and files."
        )
    if error.errno in (errno.EPERM, errno.EACCES) and (others := of_others([(root, path)])):
        return DownloadCounterError(f"{root / path} cannot be written. {hand_over(others)}")
    return DownloadCounterError(
        f"{root / path} cannot be written: {explain(error)}. "
        "Check the room on the disk and the rights of the folder; what was there is still there."
    )


def of_others(places: Iterable[tuple[Path, Path]]) -> list[Path]:
    """Return the files and folders that this user may not replace or write to, since they are another user's.

    The places are files that the program writes, each below its root; they need not be there.
    """
    user = os.geteuid()
    found: dict[Path, None] = {}
    for root, path in places if user else ():
        for part in (path, *list(path.parents)[:-1]):
            with contextlib.suppress(OSError):
                status, folder = (root / part).lstat(), (root / part).parent.stat()
                kept = folder.st_mode & stat.S_ISVTX and folder.st_uid != user
                # Of files, only the lock is opened for writing; the others are replaced.
                opened = stat.S_ISDIR(status.st_mode) or stat.S_IMODE(status.st_mode) == LOCK_MODE
                shut = opened and not os.access(root / part, os.W_OK, effective_ids=True)
                if status.st_uid != user and (kept or shut):
                    found[root / part] = None
    return list(found)


def hand_over(others: Iterable[Path]) -> str:
    """Return the sentences for files that another user owns: why they stop this one, and the command that helps."""
    tops = [path for path in others if path.parent not in others]
    me, owner = user_name(os.geteuid()), user_name(tops[0].lstat().st_uid)
    return (
        f"The counter's user {me} cannot replace files written by {owner}. As root: "
        f"chown -R {me}: {shlex.join(map(str, tops))}"
    )


def user_name(number: int) -> str:
    """Return the name of a user, or the number where the system knows no name."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
