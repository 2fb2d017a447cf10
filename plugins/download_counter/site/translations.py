"""The theme's words: gettext catalogues, compiled when they have changed.

``python -m download_counter.site.translations THEME LOCAL`` compiles them for a user who may not write to the theme.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from ..errors import DownloadCounterError
from ..safe_files import explain

_CATALOGUES = "*/LC_MESSAGES/*.po"


def compile_translations(theme: Path, own: Sequence[Path] = ()) -> list[str]:
    """Compile each `translations/*/LC_MESSAGES/*.po` of a theme that is newer than its `.mo`, and return warnings.

    Translators then need no tool but an editor. The words of a site's own folders go before the theme's. Pages are in
    the old words if a catalogue cannot be compiled.

    Raises:
        DownloadCounterError: a catalogue is damaged.
    """
    problems = []
    folders = [theme / "translations", *own]
    for catalogue in sorted({po.relative_to(folder) for folder in folders for po in folder.glob(_CATALOGUES)}):
        sources = [folder / catalogue for folder in folders if (folder / catalogue).exists()]
        mo = (theme / "translations" / catalogue).with_suffix(".mo")
        try:
            _compile(sources, mo)
        except OSError as error:
            problems.append(
                f"The translation {sources[-1]} cannot be compiled to {mo}: {explain(error)}. Pages have the old "
                f"words. As the owner of {theme.parent}, run: make -C {theme.parent} install"
            )
    return problems


def _compile(sources: Sequence[Path], mo: Path) -> None:
    if mo.exists() and all(mo.stat().st_mtime_ns >= source.stat().st_mtime_ns for source in sources):
        return
    catalogue = Catalog()
    for source in sources:
        try:
            with source.open("rb") as file:
                words = read_po(file, locale=source.parts[-3], abort_invalid=True)
        except (PoFileError, ValueError, IndexError) as error:  # the last by Babel before 2.17, of an open quote
            raise DownloadCounterError(f"The translation {source} is damaged: {error}.") from error
        if source is sources[0]:
            catalogue = words
        for message in words if source is not sources[0] else ():
            if message.id and message.string and any(message.string):
                catalogue.delete(message.id, message.context)
                catalogue[message.id] = message
    mo.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: a preview and a night's build may compile the same catalogue at once.
    temporary = mo.with_name(f".{mo.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as compiled:
            write_mo(compiled, catalogue)
        os.replace(temporary, mo)
    finally:
        temporary.unlink(missing_ok=True)


if __name__ == "__main__":
    try:
        said = compile_translations(Path(sys.argv[1]), [Path(folder, "translations") for folder in sys.argv[2:]])
    except DownloadCounterError as damaged:
        said = [str(damaged)]
    print("".join(f"{line}\n" for line in said), end="", file=sys.stderr)
    sys.exit(bool(said))
