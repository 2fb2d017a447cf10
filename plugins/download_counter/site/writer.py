"""Pelican: pages are rendered first, and put into the web root when all of them are there.

A build that fails half way, by a typo in a template or a full disk, leaves the pages that were.
"""

import contextlib
import io
import os
import re
import shlex
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError, UndefinedError
from pelican import signals, writers

from ..errors import DownloadCounterError
from ..history.store import LOCK
from ..safe_files import Staged, hand_over, lock, of_others, open_folder, read_plain, remove, stage, sweep
from ..settings import LEADS, MENTION, STATS_FOLDER, Settings
from .own_files import OwnFiles

# What the counter keeps in .stats/; no page may take its place.
_KEPT = re.compile(r"(?:counts|days|files|state)\.json|days/.*|\.lock")

_NO_ROBOTS = b'<meta name="robots" content="noindex, nofollow">'


class Publication:
    """The files of one run, held until all are made. `root` is the output folder of the main site."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = root
        self.settings = settings
        self.files: dict[str, bytes] = {}

    def place(self, path: Path | str) -> str:
        """Return where a file of the output goes, relative to the root.

        Raises:
            DownloadCounterError: that is outside of the root, or the place of an image.
        """
        place = Path(os.path.relpath(path, self.root))
        if place.is_absolute() or ".." in place.parts:
            raise DownloadCounterError(f"{path} is outside of {self.root}; it is not written.")
        below_stats = os.path.relpath(self.root / place, self.settings.web_root / STATS_FOLDER)
        if _KEPT.fullmatch(below_stats):
            raise DownloadCounterError(f"{path} is the counter's own. Give the page or the file another name.")
        endings = self.settings.extensions + tuple(
            image + companion for image in self.settings.extensions for companion in self.settings.companions
        )
        if place.name.lower().endswith(endings):
            raise DownloadCounterError(
                f"{path} would be written over an image or its companion. Give the page or the file another name."
            )
        return str(place)

    def hold(self, path: Path | str, content: bytes) -> None:
        """Take a file for the place `path`. A statistics page tells robots to stay away.

        Raises:
            DownloadCounterError: as `place`.
        """
        place = self.place(path)
        if is_of_statistics(place) and place.endswith(".html"):
            content = _forbid_robots(content)
        self.files[place] = content

    def make_folder(self, path: Path | str) -> None:
        """Make the folder of a sub-site, readable by the web server, and not through a link.

        Raises:
            DownloadCounterError: as `place`, or it cannot be made.
        """
        place = self.place(path)
        try:
            with open_folder(*self._where(place)):
                pass
        except OSError as error:
            raise DownloadCounterError(
                f"The folder {self.root / place} cannot be written to: {error.strerror}. "
                "It must be a real folder, not a link, that this user may write to."
            ) from error

    def put(self, *, remove_old: bool = True) -> None:
        """Write all files that have changed beside their places, rename them all, and remove what is made no longer.

        Nothing is removed unless these are all files of the site (`remove_old`).

        Raises:
            DownloadCounterError: a file in the way is not the program's own, a public page names the
                statistics, or a file cannot be written; none has been put in place.
        """
        self._refuse_mentions()
        with lock(self.settings.web_root, LOCK):
            own = OwnFiles(self.settings.web_root)
            known = self.files.keys() | {file for file in own.digests if self._may_be_written(file)}
            there, in_the_way = self._contents(known)
            changed = sorted(file for file, content in self.files.items() if there.get(file) != content)
            if foreign := [
                one for one in changed if one in in_the_way or (one in there and not own.wrote(one, there[one]))
            ]:
                raise self._refusal(foreign)
            if others := of_others(self._where(file) for file in changed):
                raise DownloadCounterError(f"Nothing was published. {hand_over(others)}")
            old = [file for file in there.keys() - self.files.keys() if own.wrote(file, there[file])]
            for folder in {Path(file).parent for file in self.files}:
                sweep(*self._where(folder))
            staged: list[Staged] = []
            try:
                staged.extend(stage(*self._where(file), self.files[file]) for file in changed)
                own.save(self.files, old, there)
                for one in staged:
                    one.put()
            except BaseException:
                for one in staged:
                    one.discard()
                raise
            if remove_old:
                for file in old:
                    remove(*self._where(file))
        self.files.clear()

    def _where(self, place: Path | str) -> tuple[Path, Path]:
        # The web root below the output may be a link to a folder elsewhere; no other folder may be one.
        path = self.root / place
        root = self.settings.web_root if path.is_relative_to(self.settings.web_root) else self.root
        return root, path.relative_to(root)

    def _may_be_written(self, place: str) -> bool:
        try:
            return self.place(self.root / place) == place
        except DownloadCounterError:
            return False

    def _contents(self, files: Iterable[str]) -> tuple[dict[str, bytes], set[str]]:
        """The plain files that are there, with their content, and the places where something else is."""
        there: dict[str, bytes] = {}
        in_the_way: set[str] = set()
        for file in files:
            root, path = self._where(file)
            try:
                content = read_plain(root, path)
                if content is not None:
                    there[file] = content
            except DownloadCounterError:
                if os.path.lexists(root / path):
                    in_the_way.add(file)
        return there, in_the_way

    def _refusal(self, foreign: list[str]) -> DownloadCounterError:
        files, them = ("a file", "it") if len(foreign) == 1 else (f"{len(foreign)} files", "them")
        return DownloadCounterError(
            f"Nothing was published. {self.root} has {files} that this program did not write, or that somebody changed "
            f"since, where its own pages go. Move {them} away, then run again: cd {shlex.quote(str(self.root))} && "
            f'for file in {shlex.join(foreign[:20])}; do mv -n "$file" "$file.before"; done'
        )

    def _refuse_mentions(self) -> None:
        for file, content in self.files.items():
            if not is_of_statistics(file) and file.lower().endswith(LEADS) and MENTION.search(content):
                raise DownloadCounterError(
                    f"{self.root / file} would name {STATS_FOLDER}/, which nobody but the maintainer is to know. Take "
                    "the link out of the template or the text that makes it. Nothing was published."
                )


def is_of_statistics(place: Path | str) -> bool:
    """Say whether a file of the output lies in the statistics folder of a site or a sub-site."""
    return STATS_FOLDER.name in Path(place).parts


def _forbid_robots(page: bytes) -> bytes:
    if any(b"noindex" in tag.lower() for tag in re.findall(rb"<meta\b[^>]*\brobots\b[^>]*>", page, re.IGNORECASE)):
        return page
    # Where a page has no <head>, a <meta> begins one.
    starts = (
        re.search(tag, page, re.IGNORECASE) for tag in (rb"<head\b[^>]*>", rb"<html\b[^>]*>", rb"<!doctype[^>]*>")
    )
    end = next((start.end() for start in starts if start), 0)
    return page[:end] + _NO_ROBOTS + page[end:]


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


class WholeWriter(writers.Writer):  # type: ignore[misc]  # Pelican has no types
    """Pelican's writer, but pages go to the publication of the run.

    `publication` is set on a subclass for each run, since Pelican makes the writer itself.
    """

    publication: Publication

    def write_file(self, name: str, template: Any, *args: Any, **kwargs: Any) -> None:
        """Render a template as Pelican does.

        Raises:
            DownloadCounterError: an error in a template, with its file, line and cause.
        """
        # Plugins that list what was written, as sitemaps do, are not told of the statistics.
        untold = signals.content_written.muted() if name and is_of_statistics(name) else contextlib.nullcontext()
        try:
            with untold, _no_folders():
                super().write_file(name, template, *args, **kwargs)
        except Exception as error:
            # A filter or an operation in a template may raise anything, such as a TypeError.
            if isinstance(error, TemplateError) or _in_template(error):
                raise template_problem(error, f"while {name} was written") from error
            raise

    def write_feed(self, *args: Any, **kwargs: Any) -> Any:
        """Write a feed as Pelican does."""
        with _no_folders():
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


@contextlib.contextmanager
def _no_folders() -> Iterator[None]:
    """Keep Pelican from making folders, which it does through links that others may have put in the way.

    They are made when the files are put into place, relative to an open folder.
    """
    system = writers.os
    harmless = types.ModuleType("os")
    vars(harmless).update(vars(system), makedirs=lambda *_args, **_options: None)
    writers.os = harmless
    try:
        yield
    finally:
        writers.os = system


def template_problem(error: Exception, when: str) -> DownloadCounterError:
    """Say an error in a template in a sentence that ends with `when`: file, line, and what is wrong.

    The traceback of what Jinja or an operation in a template raised has the templates' own lines.
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
