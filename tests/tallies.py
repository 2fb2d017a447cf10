"""What a tally says, as plain dicts."""

from download_counter.counting.rule import DOWNLOAD
from download_counter.counting.tally import Tally


def of_kind(found: Tally, kind: str = DOWNLOAD) -> dict[tuple[str, str], dict[bytes, int]]:
    """The clients of each day and file, and the bytes sent to each."""
    result: dict[tuple[str, str], dict[bytes, int]] = {}
    for index, key in enumerate(found.clients.keys):
        if key.kind == kind:
            names, sent, _ = found.clients.at(index)
            result[key.day, key.path] = dict(zip(names, sent, strict=True))
    return result


def sent(found: Tally) -> dict[tuple[str, str], int]:
    """The bytes sent of each day and file, answers to HEAD included."""
    return {
        (day, file): sum(clients.values())
        + sum(n for key, n in found.clients.heads.items() if (key.kind, key.day, key.path) == (DOWNLOAD, day, file))
        for (day, file), clients in of_kind(found).items()
    }
