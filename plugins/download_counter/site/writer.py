"""Pelican: pages are rendered first, and put into the web root when all of them are there.

A build that fails half way, by a typo in a template or a full disk, leaves the pages that were.
"""

import io
import os
from pathlib import Path
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError, UndefinedError
from pelican.writers import Writer

from ..errors import DownloadCounterError
from ..history.store import COUNTS, DAYS, LOCK
from ..safe_files import Staged, lock, open_folder, read_plain, stage, sweep
from ..settings import Settings


class Publication:
    """The files of one run, held until all are made.

    Args:
        root: the folder that they go to: the output folder of the main site, or the web root.
        settings: for the endings of images and companions, which are never written.
    """

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = root
        self.settings = settings
        self.files: dict[Path, bytes] = {}

    def place(self, path: Path | str) -> Path:
        """Return where a file of the output goes, relative to the root.

        Raises:
            DownloadCounterError: that is outside of the root, or the place of an image.
        """
        place = Path(os.path.relpath(path, self.root))
        if place.is_absolute() or ".." in place.parts:
            raise DownloadCounterError(f"{path} is outside of {self.root}; it is not written.")
        if os.path.relpath(self.root / place, self.settings.web_root) in map(str, (COUNTS, DAYS, LOCK)):
            raise DownloadCounterError(f"{path} is the counter's own. Give the page or the file another name.")
        endings = self.settings.extensions + tuple(
            image + companion for image in self.settings.extensions for companion in self.settings.companions
        )
        if place.name.lower().endswith(endings):
            raise DownloadCounterError(
                f"{path} would be written over an image or its companion. Give the page or the file another name."
            )
        return place

    def hold(self, path: Path | str, content: bytes) -> None:
        """Take a file for the place `path`.

        Raises:
            DownloadCounterError: as `place`.
        """
        self.files[self.place(path)] = content

    def prepare_folder(self, path: Path | str) -> None:
        """Make the folder of a file, readable by the web server, and not through a link.

        Raises:
            DownloadCounterError: as `place`, or the folder cannot be made.
        """
        place = self.place(path)
        try:
            with open_folder(self.root, place.parent):
                pass
        except OSError as error:
            raise DownloadCounterError(
                f"The folder {self.root / place.parent} cannot be written to: {error.strerror}. "
                "It must be a real folder, not a link, that this user may write to."
            ) from error

    def put(self) -> None:
        """Write all files that have changed beside their places, then rename them all.

        Raises:
            DownloadCounterError: one cannot be written; none has been put in place.
        """
        with lock(self.settings.web_root, LOCK):
            for folder in {place.parent for place in self.files}:
                sweep(self.root, folder)
            staged: list[Staged] = []
            try:
                for place, content in self.files.items():
                    if _as_it_was(self.root, place) != content:
                        staged.append(stage(self.root, place, content))
                for one in staged:
                    one.put()
            except BaseException:
                for one in staged:
                    one.discard()
                raise
        self.files.clear()


def _as_it_was(root: Path, place: Path) -> bytes | None:
    try:
        return read_plain(root, place)
    except DownloadCounterError:
        return None  # a link or a folder: staging says what is wrong


class _Page(io.StringIO):
    """What Pelican takes for an open file; on closing, the publication holds the content."""

    def __init__(self, publication: Publication | None, path: str, encoding: str) -> None:
        super().__init__()
        self.publication, self.path, self.text_encoding = publication, path, encoding

    def write(self, text: str | bytes) -> int:
        # feedgenerator writes bytes to a file opened as text on some versions
        return super().write(text.decode(self.text_encoding) if isinstance(text, bytes) else text)

    def close(self) -> None:
        if not self.closed and self.publication is not None:
            # A lone surrogate is a byte of a file name that is not UTF-8; themes show `printable`.
            content = self.getvalue().encode(self.text_encoding, "replace")
            self.publication.hold(self.path, content)
        super().close()


class WholeWriter(Writer):  # type: ignore[misc]  # Pelican has no types
    """Pelican's writer, but pages go to the publication of the run.

    `publication` is set on a subclass for each run, since Pelican makes the writer itself.
    """

    publication: Publication

    def write_file(self, name: str, template: Any, *args: Any, **kwargs: Any) -> None:
        """Render a template as Pelican does.

        Raises:
            DownloadCounterError: an error in a template, with its file, line and cause.
        """
        if name:
            self.publication.prepare_folder(Path(self.output_path, name))
        try:
            super().write_file(name, template, *args, **kwargs)
        except Exception as error:
            # A filter or an operation in a template may raise anything, such as a TypeError.
            if isinstance(error, TemplateError) or _in_template(error):
                raise template_problem(error, f"while {name} was written") from error
            raise

    def write_feed(self, *args: Any, **kwargs: Any) -> Any:
        """Write a feed as Pelican does."""
        path = kwargs.get("path") or (args[2] if len(args) > 2 else None)
        if path:
            self.publication.prepare_folder(Path(self.output_path, path))
        return super().write_feed(*args, **kwargs)

    def _open_w(self, filename: str, encoding: str, override: bool = False) -> _Page:
        overridden = filename in self._overridden_files
        if overridden and not override:
            return _Page(None, filename, encoding)
        if overridden or (filename in self._written_files and not override):
            raise DownloadCounterError(f"Two pages are to be written to {filename}. Give one of them another slug.")
        if override:
            self._overridden_files.add(filename)
        self._written_files.add(filename)
        return _Page(self.publication, filename, encoding)


def template_problem(error: Exception, when: str) -> DownloadCounterError:
    """Say an error in a template in a sentence: file, line, and what is wrong.

    Args:
        error: what Jinja or an operation in a template raised; its traceback has the templates' own lines.
        when: what was going on, to end the sentence.
    """
    if isinstance(error, TemplateSyntaxError):
        where = f"{error.filename or error.name}, line {error.lineno}"
    else:
        where = _in_template(error) or "a template"
    what = (error.message if isinstance(error, TemplateError) else str(error)) or error.__class__.__name__
    hint = " A name is misspelt or not in the context." if isinstance(error, UndefinedError) else ""
    return DownloadCounterError(f"Template {where}: {what} ({when}).{hint}")


def _in_template(error: Exception) -> str | None:
    """The innermost template that an error came out of, with its line; None if it came out of none."""
    where = None
    trace = error.__traceback__
    while trace is not None:
        # What Jinja marks the frames with that it has rewritten to the template's file and line.
        if "__jinja_exception__" in trace.tb_frame.f_globals:
            where = f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return where
