"""What goes wrong, said in a sentence."""


class DownloadCounterError(Exception):
    """Something an admin has to fix: its text says what, where, and what to do.

    `exitcode` is what the command line and Pelican's own `main` leave with.
    """

    exitcode = 1
