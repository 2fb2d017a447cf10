"""What each line of a log says by itself; as a program, for formats and lines given as JSON, without other packages."""

import json
import sys
from typing import Any

from download_counter.counting.tally import tally
from download_counter.settings import Rule
from tallies import of_kind


def said(log_format: str, client: str, lines: str) -> list[Any]:
    """Return what JSON can hold of each line: whether it is unreadable, and clients and bytes by day and file.

    Args:
        log_format: as in the settings.
        client: as in the settings.
        lines: the log; its bytes are the characters.
    """
    rule = Rule(log_format=log_format, client=client, method="GET" if log_format == "bunny" else "")
    found = (tally([(line.encode("latin-1") + b"\n", 0)], rule) for line in lines.split("\n") if line)
    return [
        [
            one.unreadable,
            [
                [*key, [[name.decode("latin-1"), sent] for name, sent in sent_to.items()]]
                for key, sent_to in of_kind(one).items()
            ],
        ]
        for one in found
    ]


if __name__ == "__main__":
    print(json.dumps([said(*one) for one in json.load(sys.stdin)]))
