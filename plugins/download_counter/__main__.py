"""`python -m download_counter`: the ingest by itself, without Pelican; and the doctor."""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Until `main` can say it in a sentence, Ctrl-C ends the program without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import gc
import io
import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from .catalogue import scan, sizes
from .errors import DownloadCounterError, printable
from .history.store import LOCK
from .ingest import Outcome, ingest
from .safe_files import explain, lock
from .settings import Settings, check, time_zone

DESCRIPTION = """\
Count the downloads in a web server's access logs, and keep the counts in the folder
.stats/ of its web root. Where both are, the site's settings say (DOWNLOAD_COUNTER)."""

EPILOG = """\
commands:
  ingest  read the logs that are new and bring the counts up to date (the default)
  doctor  look at logs, web root, data files and settings, write nothing, and say what to fix
  report  print the last month in the site's language, or with --week the last seven days

exit codes:
  0  all is well; there may be warnings on stderr
  1  an error, said in a sentence, or something that the doctor wants fixed
  2  the command line is wrong"""


def read_configuration(path: Path) -> dict[str, Any]:
    """Return what a pelicanconf.py defines.

    Raises:
        DownloadCounterError: there is no such file, or it fails.
    """
    try:
        return runpy.run_path(str(path))
    except OSError as error:
        raise DownloadCounterError(
            f"{path} cannot be read: {error.strerror}. Run this where pelicanconf.py is, or name it with -s."
        ) from error
    except Exception as error:
        raise DownloadCounterError(f"{path} fails: {error.__class__.__name__}: {error}.") from error


def settings_in(configuration: Mapping[str, Any], folder: Path) -> Settings:
    """Return the plugin's settings out of a site's; without a web root it is OUTPUT_PATH, relative to `folder`.

    Raises:
        DownloadCounterError: as `settings.check`.
    """
    raw = configuration.get("DOWNLOAD_COUNTER", {})
    output = folder / configuration.get("OUTPUT_PATH", "output")
    return check({"web_root": output, **raw} if isinstance(raw, Mapping) else raw)


def run(settings: Settings) -> Outcome:
    """Scan the web root and ingest the logs, with a progress bar on a terminal.

    Raises:
        DownloadCounterError: as `ingest.ingest` and `catalogue.sizes`.
    """
    # Only sizes matter here. What is wrong with an image is said by the build of the pages.
    known = sizes(settings.web_root, settings.extensions)
    with lock(settings.web_root, LOCK):
        outcome = (_with_progress if sys.stderr and sys.stderr.isatty() else ingest)(settings, known)
    for problem in outcome.warnings:
        print(f"Warning: {printable(problem)}", file=sys.stderr)
    return outcome


def _with_progress(settings: Settings, sizes: dict[str, int]) -> Outcome:
    from rich.console import Console  # under cron, nothing is shown and this is not paid for
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Reading access logs", total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        outcome = ingest(settings, sizes, progress)
    print(_summary(outcome), file=sys.stderr)
    return outcome


def _summary(outcome: Outcome) -> str:
    downloads = sum(sum(months.values()) for months in outcome.history.counts.values())
    known = f"{downloads} downloads of {len(outcome.history.counts)} files are known."
    if outcome.read is None:
        return f"The logs are the same as last time. {known}"
    return f"Logs read: {outcome.read} of {len(outcome.history.logs)}. {known}"


def _examine(settings: Settings, configuration: Mapping[str, Any], folder: Path) -> int:
    """Print what the doctor finds, the worst last, and return the exit code."""
    from .doctor import Site, examine  # the ingest has no need of it

    subsites = configuration.get("I18N_SUBSITES")
    site = Site(
        output=folder / configuration.get("OUTPUT_PATH", "output"),
        timezone=str(configuration.get("TIMEZONE") or "UTC"),
        address=str(configuration.get("SITEURL") or ""),
        languages=() if subsites is None else (str(configuration.get("DEFAULT_LANG", "en")), *subsites),
        texts=folder / configuration.get("PATH", "."),
        not_yet_yours=tuple(configuration.get("NOT_YET_YOURS", ())),
    )
    findings = list(examine(settings, site, datetime.now().astimezone()))
    of_kinds = [finding for kind in ("ok", "note", "FIX") for finding in findings if finding.kind == kind]
    _show("".join(f"{finding.kind:4}  {printable(finding.text)}\n" for finding in of_kinds))
    return int(any(finding.kind == "FIX" for finding in findings))


def _report(settings: Settings, configuration: Mapping[str, Any], *, week: bool, as_json: bool) -> str:
    from .history.store import load
    from .history.year import to_json
    from .names import name_in
    from .site.exports import json_of
    from .site.letter import letter
    from .site.numbers import report

    zone = time_zone(configuration.get("TIMEZONE"))
    history = load(settings.web_root, keep_damaged=False)
    images, _ = scan(settings.web_root, settings.extensions, settings.companions, zone)
    stats = report(
        history,
        {image.file: image.date.date() for image in images},
        settings,
        datetime.now(zone).date(),
        name_of=lambda file: name_in(file, settings.names),
    )
    if as_json:
        return to_json(json_of(history, stats)).decode()
    return letter(stats, str(configuration.get("DEFAULT_LANG") or "en"), zone.key, week=week)


def _show(text: str) -> None:
    """Print a text, whatever letters the output can have, and end without a word if nobody reads it."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        print(text, end="", flush=True)
    except OSError as error:
        raise DownloadCounterError(f"The output cannot be written: {explain(error)}.") from error


def _interrupt(*_: object) -> None:
    """Stop at the first Ctrl-C; a second one must not stop the stopping."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="download_counter",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "command", nargs="?", choices=("ingest", "doctor", "report"), default="ingest", help="see below"
    )
    parser.add_argument(
        "-s",
        "--settings",
        type=Path,
        default=Path("pelicanconf.py"),
        help="the site's settings (default: %(default)s)",
    )
    parser.add_argument("--week", action="store_true", help="report the last seven days")
    parser.add_argument("--json", action="store_true", help="report all numbers as JSON")
    parser.add_argument("-D", "--debug", action="store_true", help="show tracebacks")
    options: Any = parser.parse_args(arguments)
    try:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, _interrupt)
        configuration = read_configuration(options.settings)
        settings = settings_in(configuration, options.settings.absolute().parent)
        if options.command == "doctor":
            return _examine(settings, configuration, options.settings.absolute().parent)
        if options.command == "report":
            _show(_report(settings, configuration, week=options.week, as_json=options.json))
            return os.EX_OK
        run(settings)
    except DownloadCounterError as error:
        if options.debug:
            raise
        print(f"Error: {error}", file=sys.stderr)
        return error.exitcode
    except KeyboardInterrupt:
        print("Stopped. Nothing is lost: the next run counts all of it.", file=sys.stderr)
        return 130
    return os.EX_OK


if __name__ == "__main__":
    exitcode = main()
    # What is left is not looked through for cycles before the end: a tenth of the time of a short run.
    gc.freeze()
    sys.exit(exitcode)
