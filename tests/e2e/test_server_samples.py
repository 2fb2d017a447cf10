"""The samples of deploy/ for nginx and Caddy, with the real servers: what they answer, and whether their logs count."""

import contextlib
import os
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smallsite import SmallSite
from support import CHECKOUT, find_program, free_port, needs, open_folder, wait_until

CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; base-uri 'self'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class Server:
    """A running server, the site in its web root, and its log."""

    def __init__(self, folder: Path, log: Path, log_format: str) -> None:
        self.site = SmallSite(folder / "site")
        self.port = free_port()
        self.log = log
        self.site.counter(logs=f"{log}*", log_format=log_format)
        for name in ("a.iso.sha256", "a.iso.torrent"):
            (self.site.web_root / name).write_text("x")

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, header with names in lower case, and body of an answer."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, {name.lower(): value for name, value in error.headers.items()}, b""

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return bool(self.get("/"))
        return False


def nginx(folder: Path) -> Iterator[Server]:
    """The sample as it is, but for host, root, certificate, port and the folder of the logs."""
    server = Server(folder, folder / "downloads-ssl-access.log", "nginx")
    sample = (CHECKOUT / "deploy/nginx/downloads.conf").read_text()
    sample = re.sub(r"server \{\s+listen 80;.*?\n\}\n", "", sample, flags=re.DOTALL)
    sample = re.sub(r"\s+ssl_certificate\w* .*;", "", sample)
    sample = sample.replace("listen 443 ssl", f"listen 127.0.0.1:{server.port}").replace("listen [::]:443 ssl;", "")
    sample = sample.replace("/var/www/file-server", str(server.site.web_root)).replace("/var/log/nginx", str(folder))
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"daemon off; {user} pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
        f"http {{ include /etc/nginx/mime.types; {sample} }}\n"
    )
    yield from running([find_program("nginx") or "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], server)


def caddy(folder: Path) -> Iterator[Server]:
    """The sample as it is, by its variables."""
    server = Server(folder, folder / "downloads-access.log", "caddy")
    environment = {
        "DOWNLOADS_HOST": f"http://127.0.0.1:{server.port}",
        "DOWNLOADS_ROOT": str(server.site.web_root),
        "DOWNLOADS_LOG": str(server.log),
        "HOME": str(folder),
    }
    command = [find_program("caddy") or "caddy", "run", "--config", str(CHECKOUT / "deploy/caddy/Caddyfile")]
    yield from running(command, server, environment)


def running(command: list[str], server: Server, environment: dict[str, str] | None = None) -> Iterator[Server]:
    server.log.touch()
    assert server.site.pelican().returncode == 0
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, stderr=subprocess.DEVNULL)
    try:
        wait_until(server.answers, "the server to answer")
        yield server
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(nginx, marks=needs("nginx"), id="nginx"),
        pytest.param(caddy, marks=needs("caddy"), id="caddy"),
    ],
)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    start: Callable[[Path], Iterator[Server]] = request.param
    with open_folder() as folder:
        yield from start(folder)


@pytest.mark.parametrize(
    ("path", "kind", "cache"),
    [
        ("/", "text/html; charset=utf-8", "public, max-age=300"),
        ("/en/", "text/html; charset=utf-8", "public, max-age=300"),
        ("/a.iso", "application/x-iso9660-image", "public, max-age=86400, no-transform"),
        ("/a.iso.torrent", "application/x-bittorrent", "public, max-age=86400, no-transform"),
        ("/a.iso.sha256", "text/plain; charset=utf-8", "public, max-age=300"),
        ("/feeds/images.atom.xml", "application/atom+xml", "public, max-age=300"),
        ("/theme/css/main.css", "text/css", "public, max-age=3600"),
        ("/.stats/", "text/html; charset=utf-8", "private, no-cache"),
        ("/en/.stats/", "text/html; charset=utf-8", "private, no-cache"),
        ("/.stats/counts.json", "application/json", "private, no-cache"),
    ],
)
def test_files_are_served_as_what_they_are_and_kept_as_long_as_they_last(
    server: Server, path: str, kind: str, cache: str
) -> None:
    status, header, _ = server.get(path)
    assert status == 200
    assert header["content-type"].startswith(kind)
    assert header["cache-control"] == cache
    assert header["content-security-policy"] == CSP
    assert header["x-content-type-options"] == "nosniff"
    assert header["referrer-policy"] == "same-origin"
    assert header.get("x-robots-tag", "") == ("noindex, nofollow, noarchive" if ".stats" in path else "")


def test_the_lock_half_written_pages_and_listings_are_not_served(server: Server) -> None:
    (server.site.web_root / ".download-counter-0123456789abcdef").write_text("half a page")
    for path in ("/.stats/.lock", "/.download-counter-0123456789abcdef", "/archives/", "/a.iso/x"):
        assert server.get(path)[0] in (403, 404), path


def test_what_is_not_there_is_answered_with_a_page_of_the_site(server: Server) -> None:
    (server.site.web_root / "404.html").write_text("Nothing of that name")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/archives/nothing.iso", timeout=20)
    assert caught.value.code == 404
    assert b"Nothing of that name" in caught.value.read()


def test_downloads_can_be_resumed(server: Server) -> None:
    status, header, body = server.get("/a.iso", Range="bytes=100-")
    assert (status, header["content-range"], len(body)) == (206, "bytes 100-999/1000", 900)


def test_what_the_server_logs_is_counted(server: Server) -> None:
    server.get("/archives/2019/b.iso")
    server.get("/archives/2019/b.iso", Range="bytes=5-9")
    done = server.site.ingest()
    assert (done.returncode, done.stderr) == (0, "")
    counts = server.site.page(".stats/counts.json")
    assert '"archives/2019/b.iso"' in counts
    assert re.search(r'b.iso": \{\s+"\d{4}-\d\d": 1\s', counts)
