"""Logs on other machines, by address: `sftp://mirror2/var/log/apache2/access.log*`, `s3://bucket/logs/*`.

fsspec knows the protocols (https://filesystem-spec.readthedocs.io). It comes with the extra
`cluster` and is imported when an address is met.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from ..errors import DownloadCounterError

# Bytes fetched at a time: a round trip to another machine takes longer than the bytes do.
_FETCHED = 1 << 20

# What the file systems call the time of the last change.
_CHANGED = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")


def is_address(pattern: str) -> bool:
    """Say whether a glob is of logs on another machine."""
    return "://" in pattern


def shown(address: str) -> str:
    """Return an address as it may be shown: without the user and the password."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def listing(pattern: str) -> list[tuple[str, int, int]]:
    """Return the files that a glob matches: address, size in bytes, time of the last change in nanoseconds.

    Raises:
        OSError: the machine does not answer, or not with a list.
        DownloadCounterError: what speaks the protocol is not installed.
    """
    with _plain_errors(pattern):
        from fsspec.core import url_to_fs

        system, path = url_to_fs(pattern)
        found: dict[str, dict[str, Any]] = system.glob(path, detail=True)
        # The machine and the user are in the address, but not in the names that are found.
        before = pattern.removesuffix(path) if pattern.endswith(path) else ""
        return [
            (before + name if before else system.unstrip_protocol(name), int(info["size"] or 0), _changed(info))
            for name, info in found.items()
            if info["type"] == "file"
        ]


def _changed(info: dict[str, Any]) -> int:
    time = next((info[name] for name in _CHANGED if info.get(name)), 0)
    seconds = time.timestamp() if isinstance(time, datetime) else float(time)
    return int(seconds * 1_000_000_000)


@contextmanager
def open_address(address: str) -> Iterator[io.BufferedReader]:
    """Open a file for reading.

    Raises:
        OSError: the machine does not answer, or the file cannot be read.
        DownloadCounterError: what speaks the protocol is not installed.
    """
    with _plain_errors(address):
        import fsspec

        with fsspec.open(address, "rb") as raw, io.BufferedReader(raw, _FETCHED) as file:
            yield file


@contextmanager
def _plain_errors(address: str) -> Iterator[None]:
    """Turn what goes wrong inside into an `OSError`, or into a word about what to install."""
    try:
        yield
    except OSError:
        raise
    except ImportError as error:
        raise DownloadCounterError(
            f"Reading {shown(address)} needs the Python package {error.name or error}. "
            "pip install 'pelican-download-counter[cluster]' brings what sftp:// needs."
        ) from error
    except Exception as error:
        # Every protocol has errors of its own, with no class in common.
        raise OSError(f"{error.__class__.__name__}: {error}") from error
