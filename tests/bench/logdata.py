"""Access logs to measure with: made once from a seed, kept in the user's cache folder.

`everyday` is a file server's fortnight: a third of the lines ask for an ISO image, the log is rotated at midnight,
and a download that ends after midnight is logged the next day with the stamp of its start, as httpd does.
`quarter` is three months of the same server. `flood` is the worst a counter meets: nearly every line a 206 answer,
nearly every one another download.
"""

import gzip
import json
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path

VERSION = 1  # raise it when the lines change: other data, other folder
DAYS = 14
FIRST_DAY = date(2026, 4, 26)
DAY_SECONDS = 86_400
GIB = 1 << 30


@dataclass(frozen=True)
class Kind:
    """What a data set is made of; numbers are for all its days together."""

    name: str
    lines: int
    iso_share: float
    downloads: int
    current_packed: bool
    flood: bool
    days: int = DAYS


@dataclass(frozen=True)
class Dataset:
    """Logs on disk and the truth about them."""

    name: str
    folder: Path
    logs: tuple[Path, ...]  # oldest first, the current log last
    lines: int
    downloads: int
    sent: int
    files: dict[str, int]  # path below the web root -> size in bytes


EVERYDAY = Kind("everyday", 2_100_000, 1 / 3, 420_000, current_packed=False, flood=False)
QUARTER = Kind("quarter", 2_100_000 * 90 // 14, 1 / 3, 420_000 * 90 // 14, current_packed=False, flood=False, days=90)
FLOOD = Kind("flood", 2_000_000, 0.95, 1_300_000, current_packed=True, flood=True)

_CHROMIUM = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{0}.0.0.0"
_BROWSERS = [
    text.format(version)
    for version in range(112, 127)
    for text in (
        "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0",
        "Mozilla/5.0 (X11; Ubuntu; Linux i686; rv:{0}.0) Gecko/20100101 Firefox/{0}.0",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0",
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROMIUM} Safari/537.36",
        f"Mozilla/5.0 (Linux; Android 13; SM-A536B) {_CHROMIUM} Mobile Safari/537.36",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.{0}",
    )
]
_BOTS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "python-requests/2.31.0",
    "-",
]
_FETCHERS = ["Wget/1.21.3", "curl/7.88.1", "curl/8.5.0", "aria2/1.36.0", "Transmission/3.00"]
_REFERRERS = [
    "-",
    "-",
    "https://linuxvillage.org/en/download/",
    "https://linuxvillage.org/telecharger/",
    "https://distrowatch.com/table.php?distribution=bento",
    "https://www.google.com/",
    "https://forum.ubuntu-fr.org/viewtopic.php?id=2071391",
]
_OTHER_PATHS = [
    *["/", "/", "/?C=M;O=D", "/archives/", "/archives/2019/", "/favicon.ico", "/robots.txt", "/icons/folder.gif"],
    *[
        "/theme/css/main.css",
        "/theme/css/tokens.css",
        "/theme/logo.svg",
        "/icons/unknown.gif",
        "/en/",
        "/icons/back.gif",
    ],
    *["/bento-openbox-noble-24.04-amd64.iso.md5", "/bento-openbox-noble-24.04-amd64.iso.sha512", "/wp-login.php"],
    *["/.env", "/archives/bento-openbox-trusty-rc2-i386.iso.torrent", "/xmlrpc.php", "/feeds/images.atom.xml"],
]


def _files() -> dict[str, int]:
    """The images of the made-up server: path -> size in bytes."""
    rng = random.Random(7)
    names = [
        "bento-openbox-noble-24.04-amd64.iso",
        "bento-openbox-noble-24.04-i386.iso",
        "bento-openbox-antix-23.2-amd64.iso",
        "archives/bento-openbox-trusty-rc2-i386.iso",
        "bento-i686-non-pae/bento to tori alpha1.iso",
    ]
    names += [f"archives/{2014 + n // 6}/bento-openbox-{n % 6 + 1}.{n % 3}-amd64.iso" for n in range(55)]
    return {name: int((0.6 + 1.6 * rng.random()) * GIB) for name in names}


class _Server:
    """Writes the requests of made-up clients, day by day, as httpd's `combined` with %O would."""

    def __init__(self, kind: Kind, scale: float) -> None:
        self.kind = kind
        self.lines = round(kind.lines * scale / kind.days)
        self.wanted = round(kind.downloads * scale / kind.days)
        self.rng = random.Random(f"{kind.name} {VERSION}")
        self.files = _files()
        self.names = list(self.files)
        self.popularity = list(accumulate(1 / (n + 1) for n in range(len(self.names))))
        self.ended: list[tuple[float, str]] = []  # lines of the current log, with the second they were written
        self.late: list[tuple[float, str]] = []  # lines that end after midnight: for the next log
        self.unfinished: list[tuple[str, str, str]] = []  # (client, file, user agent) who come back the next day
        self.asked = 0  # requests of the current day
        self.downloads = 0
        self.sent = 0

    def logs(self) -> Iterator[str]:
        """The text of each daily log, oldest first."""
        for number in range(self.kind.days):
            self.stamp = (FIRST_DAY + timedelta(number)).strftime("%d/%b/%Y")
            self.last = number == self.kind.days - 1
            self.ended = [(end - DAY_SECONDS, line) for end, line in self.late]
            self.late = []
            self.asked = 0
            today = self._downloads()
            self._more_of_images(today, round(self.lines * self.kind.iso_share))
            self._pages()
            self.ended.sort(key=lambda record: record[0])
            yield "".join(line for _, line in self.ended)

    def _ask(
        self, client: str, request: str, status: int, size: int, referrer: str, agent: str, seconds: float = 0
    ) -> None:
        """One request, stamped with its start and written at its end."""
        self.asked += 1
        spread = 0.5 * self.rng.random() ** 2
        start = DAY_SECONDS * (0.5 + (spread if self.rng.random() < 0.6 else -spread))
        start = min(max(start, 0), DAY_SECONDS - 1)
        clock = f"{int(start) // 3600:02}:{int(start) // 60 % 60:02}:{int(start) % 60:02}"
        line = (
            f'{client} - - [{self.stamp}:{clock} +0200] "{request} HTTP/1.1" {status} {size} "{referrer}" "{agent}"\n'
        )
        late = start + seconds >= DAY_SECONDS and not self.last
        (self.late if late else self.ended).append((start + seconds, line))

    def _client(self) -> str:
        random_ = self.rng.random
        if random_() < 0.12:
            tail = ":".join(f"{int(random_() * 65536):x}" for _ in range(4))
            return f"2a01:e0a:{int(random_() * 4096):x}:{int(random_() * 65536):x}:{tail}"
        return f"{1 + int(random_() * 222)}.{int(random_() * 256)}.{int(random_() * 256)}.{1 + int(random_() * 254)}"

    def _downloads(self) -> list[tuple[str, str]]:
        """The day's downloads; gives their clients and files."""
        rng = self.rng
        seen: dict[tuple[str, str], None] = {}
        clients: list[str] = []
        back, self.unfinished = self.unfinished, []
        while len(seen) < self.wanted:
            if back:
                client, file, agent = back.pop()
            else:
                client = rng.choice(clients) if clients and rng.random() < 0.25 else self._client()
                file = rng.choices(self.names, cum_weights=self.popularity)[0]
                agent = rng.choice(_FETCHERS if rng.random() < 0.35 else _BROWSERS)
            if (client, file) in seen:
                continue
            seen[client, file] = None
            clients.append(client)
            referrer = "-" if agent in _FETCHERS else rng.choice(_REFERRERS)
            for method, status, size in self._answers(client, file, agent):
                seconds = 0 if method == "HEAD" else min(rng.lognormvariate(6.3, 1.2), DAY_SECONDS / 2)
                self._ask(client, f"{method} {_path(file)}", status, size, referrer, agent, seconds)
                self.sent += size
        self.downloads += len(seen)
        return list(seen)

    def _answers(self, client: str, file: str, agent: str) -> list[tuple[str, int, int]]:
        """The answers (method, status, bytes) that make one download."""
        rng = self.rng
        size = self.files[file]
        head = 260 + int(rng.random() * 80)
        if self.kind.flood:
            return [("GET", 206, head + int(rng.random() * size)) for _ in range(1 + (rng.random() < 0.3))]
        chance = rng.random()
        if chance < 0.52:
            return [("GET", 200, size + head)]
        if chance < 0.67:  # broken off, by some until tomorrow
            if rng.random() < 0.2:
                self.unfinished.append((client, file, agent))
            return [("GET", 200, head + int(rng.random() * size))]
        if chance < 0.81:  # aria2 -x4
            return [("GET", 206, size // 4 + head)] * 4
        if chance < 0.92:  # broken off and resumed
            part = int(rng.random() * size)
            return [("GET", 200, head + part), ("GET", 206, head + size - part)]
        if chance < 0.97:
            return [("HEAD", 200, head), ("GET", 200, size + head)]
        return [("HEAD", 200, head)]

    def _more_of_images(self, today: list[tuple[str, str]], lines: int) -> None:
        """More lines that ask for images, up to that many: pieces in a flood, else answers that count for nothing."""
        rng = self.rng
        while self.asked < lines:
            client, file = rng.choice(today)
            if self.kind.flood:
                status, size = 206, 260 + int(rng.random() * 1_000_000)
                self.sent += size
            else:
                status, size = rng.choice([(304, 180), (416, 530), (403, 199)])
            self._ask(client, f"GET {_path(file)}", status, size, "-", rng.choice(_FETCHERS))

    def _pages(self) -> None:
        """The day's other lines: pages, pictures, checksums, attacks."""
        rng = self.rng
        while self.asked < self.lines:
            path = rng.choice(_OTHER_PATHS)
            status = 404 if "php" in path or ".env" in path else 304 if rng.random() < 0.2 else 200
            size = 180 if status == 304 else 300 + int(rng.random() * 9000)
            agent = rng.choice(_BOTS if rng.random() < 0.2 else _BROWSERS)
            self._ask(self._client(), f"GET {path}", status, size, rng.choice(_REFERRERS), agent)


def _path(file: str) -> str:
    return "/" + file.replace(" ", "%20")


def cache_folder() -> Path:
    """Where data sets and tools stay between runs: outside the repository."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "download-counter-bench"


def dataset(kind: Kind, scale: float = 1.0) -> Dataset:
    """The data set of this kind with `scale` times its lines; made on first use."""
    folder = cache_folder() / f"{kind.name}-{VERSION}-{scale:g}"
    truth = folder / "truth.json"
    if not truth.exists():
        _make(kind, scale, folder)
    known = json.loads(truth.read_text())
    logs = tuple(folder / name for name in known.pop("logs"))
    return Dataset(folder=folder, logs=logs, **known)


def _make(kind: Kind, scale: float, folder: Path) -> None:
    print(f"making the logs of {folder.name} …", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    server = _Server(kind, scale)
    logs = []
    lines = 0
    for number, text in enumerate(server.logs()):
        age = kind.days - 1 - number
        packed = age > 0 or kind.current_packed
        log = folder / ("access.log" + (f".{age}" if age else "") + (".gz" if packed else ""))
        data = text.encode()
        lines += data.count(b"\n")
        log.write_bytes(gzip.compress(data, 6, mtime=0) if packed else data)
        rotated = (FIRST_DAY + timedelta(number + 1) - date(1970, 1, 1)).total_seconds()
        os.utime(log, (rotated, rotated))
        logs.append(log)
    made = Dataset(kind.name, folder, tuple(logs), lines, server.downloads, server.sent, server.files)
    values = asdict(made) | {"logs": [log.name for log in logs]}
    del values["folder"]
    (folder / "truth.json").write_text(json.dumps(values))
