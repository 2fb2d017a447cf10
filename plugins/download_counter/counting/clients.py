"""Who did what: the clients of a key, packed. They live in memory only, while logs are read."""

from array import array
from collections.abc import Collection
from contextlib import suppress
from itertools import compress
from socket import AF_INET6, inet_pton
from typing import NamedTuple
from zlib import crc32

Share = tuple[int, int]
"""One part of the clients (from 0 on), and how many parts there are; clients of a /64 network stay together."""

ALL_CLIENTS: Share = (0, 1)


class Key(NamedTuple):
    """What clients are counted by."""

    kind: str  # a kind of line (`rule.DOWNLOAD`, ...), or why clients were left out
    day: str  # "YYYY-MM-DD", in log time
    path: str  # below the web root, bytes that are not UTF-8 as Python's surrogate escapes


class Clients(NamedTuple):
    """The clients of a key in one log, packed: a fifth of the room of a dict. A log may have several of one key."""

    key: Key
    names: bytes  # of all, a newline behind each; no log has a newline in a client
    sent: "array[int]"  # bytes of content sent to each
    agents: bytes  # the kind of program each first came with (`agents.kind_of`); empty if that is not wanted
    heads: int  # bytes of answers to HEAD, which are no content of the file

    def unpacked(self, share: Share = ALL_CLIENTS) -> tuple[list[bytes], "array[int]", bytes]:
        """Return the names of a share of the clients, the bytes sent to each, and their agents."""
        names = self.names.split(b"\n")
        del names[-1]
        if share == ALL_CLIENTS:
            return names, self.sent, self.agents
        number, of = share
        mine = [crc32(network(name)) % of == number for name in names]
        return (
            list(compress(names, mine)),
            array(self.sent.typecode, compress(self.sent, mine)),
            bytes(compress(self.agents, mine)),
        )


def pack(key: Key, names: bytes, sent: Collection[int], agents: bytes | bytearray, heads: int = 0) -> Clients:
    """Pack the clients of a key; a newline is behind each name."""
    for code in "IQ":  # four bytes a client are enough, but for big files that came in parts
        with suppress(OverflowError):
            return Clients(key, names, array(code, sent), bytes(agents), heads)
    # More than anyone has sent: the log says nonsense.
    return pack(key, names, [min(number, 2**64 - 1) for number in sent], agents, heads)


def network(client: bytes) -> bytes:
    """Return the /64 network of an IPv6 address; any other client as it is."""
    if 58 not in client:
        return client
    try:
        return inet_pton(AF_INET6, client.partition(b"%")[0].decode())[:8]
    except (OSError, ValueError):  # a network already, or no address
        return client
