"""How many steps a backtracking engine takes over a text: a plain matcher of Python's own parsed patterns that counts.

It knows what the patterns of this project have in them. Where the steps grow as the length of the text, the time of
the real engine does; no clock is asked.
"""

import re._constants as sre  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Callable, Iterator
from typing import Any


class Steps:
    """A pattern and the steps that its matches took."""

    def __init__(self, pattern: bytes) -> None:
        self._parsed = parser.parse(pattern)
        self.taken = 0

    def match(self, text: bytes) -> int | None:
        """Where a match at the start of the text ends, None if there is none."""
        self._text = text
        return next(self._sequence(list(self._parsed), 0, 0), None)

    def _sequence(self, nodes: list[Any], index: int, at: int) -> Iterator[int]:
        """Every end of the nodes from `index` on, in the engine's order."""
        while index < len(nodes):
            single = self._single(*nodes[index])
            if single is None:
                break
            self.taken += 1
            if at >= len(self._text) or not single(self._text[at]):
                return
            at, index = at + 1, index + 1
        if index == len(nodes):
            yield at
            return
        kind, value = nodes[index]
        for end in self._node(kind, value, at):
            yield from self._sequence(nodes, index + 1, end)

    def _node(self, kind: Any, value: Any, at: int) -> Iterator[int]:
        self.taken += 1
        if kind is sre.SUBPATTERN:
            yield from self._sequence(list(value[3]), 0, at)
        elif kind is sre.BRANCH:
            for branch in value[1]:
                yield from self._sequence(list(branch), 0, at)
        elif kind is sre.ATOMIC_GROUP:
            # Nothing comes after a loop that is all of the group, so it never goes back.
            if len(value) == 1 and value[0][0] is sre.MAX_REPEAT:
                value = [(sre.POSSESSIVE_REPEAT, value[0][1])]
            yield from self._first(list(value), at)
        elif kind in (sre.ASSERT, sre.ASSERT_NOT):
            direction, inside = value
            # What is looked for behind is as long as it is: no loops.
            start = at if direction == 1 else at - len(inside)
            found = start >= 0 and next(self._sequence(list(inside), 0, start), None) is not None
            if found == (kind is sre.ASSERT):
                yield at
        elif kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            least, most, inside = value
            yield from self._repeat(kind, least, most, inside, at)
        elif kind is sre.FAILURE:
            return
        else:
            raise NotImplementedError(kind)

    def _first(self, nodes: list[Any], at: int) -> Iterator[int]:
        end = next(self._sequence(nodes, 0, at), None)
        if end is not None:
            yield end

    def _repeat(self, kind: Any, least: int, most: Any, inside: Any, at: int) -> Iterator[int]:
        nodes, ends, most = list(inside), [at], 1 << 60 if most is sre.MAXREPEAT else most
        if kind is sre.POSSESSIVE_REPEAT or (len(nodes) == 1 and self._single(*nodes[0]) is not None):
            if kind is sre.MIN_REPEAT:
                yield from self._lazy(nodes, least, most, at)
                return
            while len(ends) <= most and (end := next(self._first(nodes, ends[-1]), None)) is not None:
                if end == ends[-1]:
                    break
                ends.append(end)
            if len(ends) > least:
                yield from ends[-1:] if kind is sre.POSSESSIVE_REPEAT else reversed(ends[least:])
        else:
            assert kind is sre.MAX_REPEAT
            assert (least, most) == (0, 1), "only an optional group may go back"
            yield from self._sequence(nodes, 0, at)
            yield at

    def _lazy(self, nodes: list[Any], least: int, most: int, at: int) -> Iterator[int]:
        times = 0
        while True:
            if times >= least:
                yield at
            end = next(self._first(nodes, at), None)
            if end is None or times == most:
                return
            at, times = end, times + 1

    def _single(self, kind: Any, value: Any) -> Callable[[int], bool] | None:
        """What tells whether a node takes one byte; None for a node that is not one byte long."""
        if kind is sre.LITERAL:
            return lambda byte: byte == value
        if kind is sre.NOT_LITERAL:
            return lambda byte: byte != value
        if kind is sre.ANY:
            return lambda byte: byte != 10
        if kind is sre.IN:
            return lambda byte: _in(value, byte)
        return None


def _in(items: Any, byte: int) -> bool:
    wanted = True
    for kind, value in items:
        if kind is sre.NEGATE:
            wanted = False
        elif (kind is sre.LITERAL and byte == value) or (kind is sre.RANGE and value[0] <= byte <= value[1]):
            return wanted
    return not wanted
