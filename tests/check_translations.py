"""Say which messages of the templates a language lacks: ``python tests/check_translations.py``.

Exits with 1 when the French, which the project keeps, lacks one: it is missing, empty or marked fuzzy. Of another
language it says how many are not translated yet; those are shown in English.
"""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

CHECKOUT = Path(__file__).resolve().parent.parent

KEPT = "fr"

Message = str | tuple[str, ...]
"""A message id; with its plural, a pair."""


def used_messages(checkout: Path) -> dict[tuple[Message, str | None], str]:
    """Give the messages that the templates use and their contexts, each with the first place (file:line) that does.

    What is a template stands in pyproject.toml, where pybabel reads it as well.
    """
    mappings = tomllib.loads((checkout / "pyproject.toml").read_text())["tool"]["babel"]["mappings"]
    methods = [(mapping["pattern"], mapping["method"]) for mapping in mappings]
    options = {
        mapping["pattern"]: {key: value for key, value in mapping.items() if key not in {"pattern", "method"}}
        for mapping in mappings
    }
    used: dict[tuple[Message, str | None], str] = {}
    for name, line, message, _comments, context in extract_from_dir(checkout, methods, options):
        used.setdefault((message, context), f"{name}:{line}")
    return used


def faults(catalog: Catalog, used: dict[tuple[Message, str | None], str]) -> Iterator[str]:
    """Give a sentence for each used message that the catalog does not translate."""
    for (message, context), place in used.items():
        msgid = message if isinstance(message, str) else message[0]
        entry = catalog.get(msgid, context)
        if entry is None:
            yield f"{msgid!r} ({place}) is missing"
        elif entry.fuzzy:
            yield f"{msgid!r} ({place}) is marked fuzzy"
        elif not all(entry.string if isinstance(entry.string, tuple | list) else [entry.string]):
            yield f"{msgid!r} ({place}) is not translated"
        elif isinstance(message, tuple) and not entry.pluralizable:
            yield f"{msgid!r} ({place}) lacks its plural"


def main(checkout: Path = CHECKOUT) -> int:
    """Print what the translations lack, and give the exit status."""
    used = used_messages(checkout)
    status = 0
    for path in sorted(checkout.glob("[!.]*/**/translations/*/LC_MESSAGES/*.po")):
        language = path.parent.parent.name
        with path.open("rb") as file:
            catalog = read_po(file, locale=language, abort_invalid=True)
        found = list(faults(catalog, used))
        if language == KEPT and path.is_relative_to(checkout / "theme"):
            print("".join(f"{path.relative_to(checkout)}: {fault}\n" for fault in found), end="")
            status = int(bool(found))
        elif found:
            print(f"{path.relative_to(checkout)}: {len(found)} of {len(used)} not translated, so shown in English")
    return status


if __name__ == "__main__":
    sys.exit(main())
