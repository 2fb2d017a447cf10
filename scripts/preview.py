"""Serve a web root on this machine, and build the site again when theme, texts or settings change.

``python scripts/preview.py WEB_ROOT PORT``, in the environment that Pelican is to see. `make preview` runs it.
"""

import signal

# While the modules below are loaded, Ctrl-C ends the program without a traceback.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import contextlib
import os
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from watchfiles import watch

CHECKOUT = Path(__file__).resolve().parent.parent
WATCHED = ("theme", "content", "local", "plugins", "pelicanconf.py")


class Quiet(SimpleHTTPRequestHandler):
    """Answers without a line for each request, and has browsers ask again each time."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def end_headers(self) -> None:
        """Keep pages from being shown as they were."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()


def build(word: str) -> None:
    """Build the site and say how long it took; what is wrong, Pelican says."""
    begin = time.monotonic()
    # A new process each time sees changed translations and plugin code too.
    command = [sys.executable, str(CHECKOUT / "scripts/publish.py")]
    done = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.DEVNULL, check=False)
    if done.returncode == 0:
        print(f"{word} in {time.monotonic() - begin:.1f} s.", flush=True)


def rebuild_on_change(parent: int) -> None:
    """Build after each change, until the program that started this one is gone."""
    while True:
        watched = [CHECKOUT / name for name in WATCHED if (CHECKOUT / name).exists()]
        for changes in watch(*watched, rust_timeout=1000, yield_on_timeout=True):
            if os.getppid() != parent:
                return
            if changes:
                build("Built again")
            if (CHECKOUT / "local").exists() and CHECKOUT / "local" not in watched:
                break  # `make adopt` has just made it


def main(web_root: str, port: str) -> int:
    """Serve until Ctrl-C or the end of make, and give the exit status."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", int(port)), partial(Quiet, directory=web_root))
    except OSError as error:
        print(f"Port {port} cannot be used: {error.strerror}. Try: make preview PORT={int(port) + 1}", file=sys.stderr)
        return 1
    parent = os.getppid()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        build("Built")
        print(f"Pages: http://127.0.0.1:{port}/ and http://127.0.0.1:{port}/.stats/ (Ctrl-C ends this)", flush=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        rebuild_on_change(parent)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
