"""Who did what: the clients of many keys, packed. They live in memory only, while logs are read."""

from array import array
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple


class Key(NamedTuple):
    """What clients are counted by."""

    kind: str  # a kind of line (`rule.DOWNLOAD`, ...), or why clients were left out
    day: str  # "YYYY-MM-DD", in log time
    path: str  # below the web root, bytes that are not UTF-8 as Python's surrogate escapes


@dataclass
class Clients:
    """The clients of many keys and the bytes sent to each, packed: a fifth of the room of dicts, and soon sent."""

    keys: list[Key] = field(default_factory=list)
    # Per key, where its clients end, in numbers of clients and in bytes of `names`. A key may stand here more than
    # once.
    ends: "array[int]" = field(default_factory=lambda: array("Q"))
    # All clients, a newline behind each; no log has a newline in a client.
    names: bytearray = field(default_factory=bytearray)
    # Bytes of content sent to each, in the order of the names.
    sent: "array[int]" = field(default_factory=lambda: array("Q"))
    # The kind of program each first came with (`agents.kind_of`); empty if that is not wanted.
    agents: bytearray = field(default_factory=bytearray)
    # Per key, the bytes of answers to HEAD, which are no content of the file.
    heads: dict[Key, int] = field(default_factory=dict)

    def add(self, key: Key, names: bytes, sent: Collection[int], agents: bytes | bytearray) -> None:
        """Pack the clients of a key, of which there is at least one: a newline is behind each name."""
        self.keys.append(key)
        self.names += names
        try:
            self.sent.extend(sent)
        except OverflowError:  # more than anyone has sent: the log says nonsense
            del self.sent[self.ends[-2] if self.ends else 0 :]
            self.sent.extend(min(number, 2**64 - 1) for number in sent)
        self.agents += agents
        self.ends.extend((len(self.sent), len(self.names)))

    def extend(self, more: "Clients") -> None:
        """Add what the clients of another piece of the log did."""
        clients, length = len(self.sent), len(self.names)
        self.ends.extend(end + (length if index % 2 else clients) for index, end in enumerate(more.ends))
        self.keys += more.keys
        self.names += more.names
        self.sent.extend(more.sent)
        self.agents += more.agents
        for key, sent in more.heads.items():
            self.heads[key] = self.heads.get(key, 0) + sent

    def names_at(self, index: int) -> bytes:
        """Return the names of the key at this place of `keys`, one a line."""
        begin = self.ends[2 * index - 1] if index else 0
        return bytes(memoryview(self.names)[begin : self.ends[2 * index + 1] - 1])

    def at(self, index: int) -> tuple[list[bytes], "array[int]", bytes]:
        """Return names, bytes sent and agents of the key at this place of `keys`."""
        first, last = self.ends[2 * index - 2] if index else 0, self.ends[2 * index]
        return self.names_at(index).split(b"\n"), self.sent[first:last], bytes(self.agents[first:last])

    def size(self, index: int) -> int:
        """How many clients the key at this place has."""
        return self.ends[2 * index] - (self.ends[2 * index - 2] if index else 0)
