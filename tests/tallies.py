"""What a tally says, as plain dicts."""

from download_counter.counting.rule import DOWNLOAD
from download_counter.counting.tally import Tally


def of_kind(found: Tally, kind: str = DOWNLOAD) -> dict[tuple[str, str], dict[bytes, int]]:
    """The clients of each day and file, and the bytes sent to each."""
    result: dict[tuple[str, str], dict[bytes, int]] = {}
    for one in found.clients:
        if one.key.kind == kind:
            names, sent, _ = one.unpacked()
            result[one.key.day, one.key.path] = dict(zip(names, sent, strict=True))
    return result


def sent(found: Tally) -> dict[tuple[str, str], int]:
    """The bytes sent of each day and file, answers to HEAD included."""
    return {
        (day, file): sum(clients.values()) + sum(one.heads for one in found.clients if one.key == (DOWNLOAD, day, file))
        for (day, file), clients in of_kind(found).items()
    }
