"""The theme's words: gettext catalogues, compiled when they have changed."""

import os
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from ..errors import DownloadCounterError
from ..safe_files import explain


def compile_translations(theme: Path) -> None:
    """Compile each `translations/*/LC_MESSAGES/*.po` of a theme that is newer than its `.mo`.

    Translators then need no tool but an editor. Nothing is done for a theme without catalogues.

    Raises:
        DownloadCounterError: a catalogue is damaged, or its `.mo` cannot be written.
    """
    for po in sorted(theme.glob("translations/*/LC_MESSAGES/*.po")):
        mo = po.with_suffix(".mo")
        try:
            if mo.exists() and mo.stat().st_mtime_ns >= po.stat().st_mtime_ns:
                continue
            with po.open("rb") as source:
                catalogue = read_po(source, locale=po.parts[-3], abort_invalid=True)
            # A name of its own: a preview and a night's build may compile the same catalogue at once.
            temporary = mo.with_name(f".{mo.name}.{os.getpid()}")
            try:
                with temporary.open("wb") as compiled:
                    write_mo(compiled, catalogue)
                os.replace(temporary, mo)
            finally:
                temporary.unlink(missing_ok=True)
        except (PoFileError, ValueError, IndexError) as error:  # the last by Babel before 2.17, of an open quote
            raise DownloadCounterError(f"The translation {po} is damaged: {error}.") from error
        except OSError as error:
            raise DownloadCounterError(
                f"The translation {po} cannot be compiled to {mo.name}: {explain(error)}."
            ) from error
