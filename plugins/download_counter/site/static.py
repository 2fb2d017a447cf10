"""Static files: published like pages, so that a failed build leaves the old ones."""

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from pelican.generators import StaticGenerator

from ..errors import DownloadCounterError
from .run import current, is_wanted
from .writer import Publication


def take_static(generator: StaticGenerator) -> None:
    """Have static files published like pages; Pelican would copy them over the live ones."""
    if is_wanted(generator.settings) and not generator.settings["STATIC_CREATE_LINKS"]:
        generator.generate_output = lambda _writer: _publish_static(generator)


def _publish_static(generator: StaticGenerator) -> None:
    publication = current().publication
    output = Path(generator.output_path)
    settings = generator.settings
    for path in settings["THEME_STATIC_PATHS"]:
        source = Path(generator.theme, path)
        for file in _plain_files(source, settings["IGNORE_FILES"]):
            below = file.relative_to(source) if source.is_dir() else Path(file.name)
            _hold_copy(publication, file, output / settings["THEME_STATIC_DIR"] / below)
    for static in generator.context["staticfiles"]:
        # A link in a text, such as {attach}../../x, makes Pelican publish what it leads to.
        source = Path(os.path.abspath(Path(generator.path, static.source_path)))
        if not source.is_relative_to(generator.path):
            raise DownloadCounterError(
                f"{source} is outside of {generator.path}, so it is not published. "
                "A page links to it with {attach} or {static}."
            )
        _hold_copy(publication, source, output / static.save_as)


def _hold_copy(publication: Publication, source: Path, destination: Path) -> None:
    try:
        publication.hold(destination, source.read_bytes())
    except OSError as error:
        raise DownloadCounterError(f"{source} cannot be read: {error.strerror}.") from error


def _refuse(error: OSError) -> None:
    # What is in it would be removed from the site.
    raise DownloadCounterError(f"The folder {error.filename} cannot be read: {error.strerror}.")


def _plain_files(source: Path, ignored: list[str]) -> Iterator[Path]:
    paths = [source]
    if source.is_dir():
        paths = sorted(Path(folder, name) for folder, _, names in os.walk(source, onerror=_refuse) for name in names)
    for path in paths:
        if path.is_file() and not any(fnmatchcase(path.name, pattern) for pattern in ignored):
            yield path
