"""Run Pelican for the site in this folder: ``python scripts/publish.py``.

Without a terminal it says nothing but warnings and errors, on stderr, so that cron mails these alone. Ctrl-C prints no
traceback, however early it comes.
"""

import logging
import os
import signal
import sys

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from pelican import main

if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def without_traceback(record: logging.LogRecord) -> bool:
    """Let an error of Pelican's be a sentence; `.venv/bin/pelican -D` shows where it comes from."""
    record.exc_info = None
    return True


logging.getLogger("pelican").addFilter(without_traceback)
terminal = sys.stdout.isatty()
if not terminal:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Pelican ends with a line on stdout
sys.exit(main([] if terminal else ["--log-handler", "plain"]))
