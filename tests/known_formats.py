"""The formats that can be asked for by name, told apart."""

from download_counter.logs import formats as module
from download_counter.logs.formats import formats
from download_counter.logs.logformat import LineFormat
from download_counter.settings import Rule

NAMES = tuple(formats())
KNOWN = {name: row["format"] for name, row in formats().items() if "format" in row}
JSON_FORMATS = tuple(name for name, row in formats().items() if "keys" in row)


def format_of(
    text: str, *, methods: tuple[str, ...] = ("GET", "HEAD"), client: str = "", agent: bool = False
) -> LineFormat:
    """A format by its name or its LogFormat, for one log."""
    found = module.format_of(Rule(log_format=text, methods=methods, client=client, programs=agent))
    assert isinstance(found, LineFormat)
    return found
