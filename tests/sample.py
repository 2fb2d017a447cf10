"""A sample web root and access logs: ``python tests/sample.py --web-root output --logs .demo/logs``.

The images are sparse files: they have the size of real ones and take no room. Their digests are made from their names,
so that no gigabytes have to be read for them; they look right and match nothing. In the web root only what is not there
yet is written, and logs only into a folder that is new, empty or made here before: nobody's files are lost to a sample.

Everything follows from the seed and the end day: the same two give the same files, byte for byte.
"""

import argparse
import base64
import gzip
import hashlib
import json
import os
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import quote

State = Literal["normal", "empty", "many", "hostile", "big"]
"""The images of a small distribution; none; 200; names chosen to do harm; and the first again, after ten years in which
80 files came and went, and one year brought forty times as many downloads."""

LOG_NAME = "downloads-ssl-access.log"
LOG_DAYS = 14
"""Rotated logs beside the current one, as Debian's logrotate keeps them for Apache."""

HISTORY_DAYS = 130
"""The days before the end day that are known one by one, those of the logs among them."""

HISTORY_MONTHS = 36
BIG_MONTHS = 120
BIG_FILES = 80
MARKER = ".sample"
"""Is in a folder of logs that was made here and may be made again."""

GIB = 1 << 30
MINUTE = timedelta(minutes=1)
HEADERS = 270
"""Bytes of an answer's status line and headers; Debian's "combined" counts them in (%O)."""


@dataclass(frozen=True)
class SampleImage:
    """An image to put into the web root.

    ``path`` is below the web root, with what is not UTF-8 as surrogates (PEP 383); ``size`` is in bytes, ``age`` in
    days before the end day; ``weight`` says how much it is asked for, beside the others; ``companions`` are suffixes.
    """

    path: str
    size: int
    age: int
    weight: float
    companions: tuple[str, ...] = (".md5", ".sha512")

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def request_path(self) -> str:
        """The path as a browser asks for it."""
        return "/" + quote(os.fsencode(self.path))


ALL_COMPANIONS = (".md5", ".sha256", ".sha512", ".asc", ".torrent")

NORMAL = (
    SampleImage("bento-openbox-noble-24.04.3-amd64.iso", 2_634_022_912, 9, 30, ALL_COMPANIONS),
    SampleImage("bento-openbox-noble-24.04.2-amd64.iso", 2_581_594_112, 58, 8, ALL_COMPANIONS),
    SampleImage(
        "bento-openbox-noble-24.04-amd64.iso", 2_451_570_688, 540, 6, (".md5", ".sha256", ".sha512", ".torrent")
    ),
    SampleImage("bento-openbox-noble-24.04-i386.iso", 1_494_222_848, 538, 9),
    SampleImage("bento-openbox-antix-23.2-amd64.iso", 1_387_266_048, 104, 10, (".md5", ".sha256", ".sha512")),
    SampleImage("bento-openbox-antix-23.2-i386.iso", 1_211_105_280, 103, 7, (".md5", ".sha256", ".sha512")),
    SampleImage("bento-i686-non-pae/bento to tori alpha1.iso", 734_003_200, 2_310, 2),
    SampleImage("bento-i686-non-pae/bento to tori beta.iso", 741_343_232, 2_254, 2, (".md5",)),
    SampleImage("archives/2024/bento-openbox-noble-24.04-rc1-amd64.iso", 2_440_036_352, 561, 1),
    SampleImage("archives/2022/bento-openbox-jammy-22.04-amd64.iso", 2_118_123_520, 1_290, 3),
    SampleImage("archives/2022/bento-openbox-antix-21-i386.iso", 1_020_264_448, 1_333, 1),
    SampleImage("archives/2020/bento-openbox-focal-20.04-amd64.iso", 1_835_008_000, 2_021, 2),
    SampleImage("archives/2018/bento-openbox-bionic-18.04-amd64.iso", 1_602_224_128, 2_740, 1),
    SampleImage("archives/2018/bento-openbox-bionic-18.04-i386.iso", 1_577_058_304, 2_738, 2),
    SampleImage("archives/bento-openbox-xenial-16.04-i386.iso", 1_203_765_248, 3_471, 1),
    SampleImage("archives/bento-openbox-trusty-rc2-i386.iso", 681_574_400, 4_190, 1),
    SampleImage("archives/bento-openbox-precise-12.04-i386.iso", 650_117_120, 4_877, 0.5, ()),
)

GONE = (
    SampleImage("bento-openbox-noble-24.04.1-amd64.iso", 2_516_582_400, 420, 14),
    SampleImage("bento-openbox-noble-24.04-beta2-amd64.iso", 2_432_696_320, 600, 4),
    SampleImage("archives/2019/bento-openbox-disco-19.04-amd64.iso", 1_740_000_000, 2_380, 1),
)
"""Once there, and still in counts.json."""

HOSTILE_PATHS = (
    "a&b <i>x</i>'\".iso",
    "<img src=x onerror=alert(1)>.iso",
    "javascript:alert(1).iso",
    "{{ 7 * 7 }} {% raw %}.iso",
    "été 2026.iso",
    "e\u0301te\u0301 2026.iso",
    "x" * 196 + ".iso",
    "بينتو.iso",
    "bento\u202eosi.exe\u2066.iso",
    "two\nlines.iso",
    "\x1b[31mred\x07\t.iso",
    os.fsdecode(b"caf\xe9.iso"),
    os.fsdecode(b"\xff\xfe/\xf0\x28.iso"),
    "-rf.iso",
    "%2e%2e%2f%00.iso",
    "100%.iso",
    "a?b=1&c#d.iso",
    "back\\slash.iso",
    " blanks  at both ends .iso",
    "$(id) `id` *.iso",
    "...iso",
    "UPPER.ISO",
)

MOZILLA = "Mozilla/5.0"
BROWSERS = (
    f"{MOZILLA} (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    f"{MOZILLA} (X11; Linux i686; rv:115.0) Gecko/20100101 Firefox/115.0",
    f"{MOZILLA} (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
    f"{MOZILLA} (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1",
)
TOOLS = ("Wget/1.24.5", "curl/8.14.1", "Wget/1.21.3")
ARIA2 = "aria2/1.37.0"
CRAWLERS = (
    f"{MOZILLA} (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    f"{MOZILLA} (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    f"{MOZILLA} (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
)
REFERRER = "https://linuxvillage.org/en/bento-openbox/"

Downloads = dict[str, dict[date, int]]
"""How often each file (path below the web root) was downloaded on each day."""


def images_of(state: State, seed: int) -> list[SampleImage]:
    """Give the images of a state of the web root."""
    if state == "empty":
        return []
    if state == "hostile":
        return [
            SampleImage(path, (n + 1) * 7_340_032, n * 3 + 1, 1, (".sha256",)) for n, path in enumerate(HOSTILE_PATHS)
        ]
    if state == "many":
        chance = random.Random(f"{seed}/many")
        return [
            SampleImage(
                f"archives/{2026 - n // 20}/bento-openbox-{2026 - n // 20}.{n % 20:02}-{('amd64', 'i386')[n % 2]}.iso",
                chance.randint(600, 2600) * 1_048_576,
                10 + 19 * n + chance.randint(0, 15),
                1 / (1 + n / 10),
            )
            for n in range(200)
        ]
    return list(NORMAL)


def make_web_root(web_root: Path, state: State = "normal", *, end: date, seed: int = 1) -> list[SampleImage]:
    """Put the images of a state and their companions into a web root, and give the images.

    Files that are there are left as they are.
    """
    web_root.mkdir(parents=True, exist_ok=True)
    images = images_of(state, seed)
    for image in images:
        path = web_root / image.path
        uploaded = datetime.combine(end - timedelta(days=image.age), time(9), UTC) + timedelta(minutes=image.size % 600)
        _write_new(path, b"", uploaded, image.size)
        for suffix in image.companions:
            companion = path.with_name(path.name + suffix)
            _write_new(companion, _COMPANION_MAKERS[suffix](image), uploaded + 5 * MINUTE)
    if state == "normal":
        now = datetime.combine(end, time(), UTC)
        _write_new(web_root / ".incoming" / "bento-openbox-next-amd64.iso", b"", now, GIB)
        # As Debian and Ubuntu have them: one list a folder, signed, and the key at the top.
        folder = "bento-i686-non-pae"
        listed = [image for image in images if image.path.startswith(f"{folder}/")]
        sums = b"".join(_checksum("sha256")(image) for image in listed)
        _write_new(web_root / folder / "SHA256SUMS", sums, now)
        _write_new(web_root / folder / "SHA256SUMS.gpg", _signature(listed[0]), now)
        _write_new(web_root / "KEY", _armored("PUBLIC KEY BLOCK", "key"), now)
    return images


def _write_new(path: Path, content: bytes, modified: datetime, size: int | None = None) -> None:
    """Write a file that is not there yet; ``size`` makes it longer than its content, without taking room."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            file.write(content)
            if size is not None:
                file.truncate(size)
    except FileExistsError:
        return
    os.utime(path, (modified.timestamp(),) * 2)


def _checksum(algorithm: str) -> Callable[[SampleImage], bytes]:
    """Give the maker of a file as md5sum and its sisters write it, with a digest of the image's name."""

    def make(image: SampleImage) -> bytes:
        name = os.fsencode(image.name)
        # GNU coreutils: a name with a backslash or line feed is escaped, and a backslash at the line's start says so.
        escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
        mark = b"\\" if escaped != name else b""
        return mark + hashlib.new(algorithm, name).hexdigest().encode() + b"  " + escaped + b"\n"

    return make


def _signature(image: SampleImage) -> bytes:
    return _armored("SIGNATURE", image.name)


def _armored(kind: str, seed: str) -> bytes:
    """Give what has the shape of OpenPGP's armor (RFC 9580, section 6.2), and signs nothing."""
    packet = hashlib.sha512(os.fsencode(seed)).digest() * 5
    lines = base64.encodebytes(packet).replace(b"\n", b"")
    body = b"\n".join(lines[start : start + 64] for start in range(0, len(lines), 64))
    return b"-----BEGIN PGP %b-----\n\n%b\n-----END PGP %b-----\n" % (kind.encode(), body, kind.encode())


def _torrent(image: SampleImage) -> bytes:
    """Give a torrent file (BEP 3) with the image's name and size, and digests of pieces that do not exist."""
    name = os.fsencode(image.name)
    piece = 16 << 20
    pieces = b"".join(hashlib.sha1(name + b"%d" % start).digest() for start in range(0, image.size, piece))
    info = b"d6:lengthi%de4:name%d:%s12:piece lengthi%de6:pieces%d:%se" % (
        image.size,
        len(name),
        name,
        piece,
        len(pieces),
        pieces,
    )
    return b"d4:info" + info + b"e"


_COMPANION_MAKERS: dict[str, Callable[[SampleImage], bytes]] = {
    ".md5": _checksum("md5"),
    ".sha256": _checksum("sha256"),
    ".sha512": _checksum("sha512"),
    ".asc": _signature,
    ".torrent": _torrent,
}


def make_history(
    web_root: Path, images: list[SampleImage], state: State = "normal", *, end: date, seed: int = 1
) -> None:
    """Write three years of months before the end day's (ten in "big"), and the days before the logs.

    Files that are there are left as they are.
    """
    counts, days = (_big_history(end, seed), {}) if state == "big" else _history(images, end, seed)
    text = json.dumps(counts, indent=1, sort_keys=True, ensure_ascii=False)
    made = datetime.combine(end, time(1), UTC)
    _write_new(web_root / ".stats" / "counts.json", text.encode(), made)
    for year in sorted({day[:4] for day in days}):
        lines = ",\n".join(
            f"{json.dumps(day)}: {json.dumps(record, ensure_ascii=False)}"
            for day, record in days.items()
            if day[:4] == year
        )
        content = f'{{"columns": {json.dumps(COLUMNS)},\n"days": {{\n{lines}\n}}}}\n'
        _write_new(web_root / ".stats" / "days" / f"{year}.json", content.encode(), made)


def _big_history(end: date, seed: int) -> dict[str, dict[str, int]]:
    chance = random.Random(f"{seed}/big")
    months = list(_months_before(end, BIG_MONTHS))
    return {
        f"archives/{end.year - number // 8}/bento-openbox-release-{number:02}-amd64.iso": {
            f"{month:%Y-%m}": chance.randint(0, 400) * (40 if month.year == end.year - 2 else 1) for month in months
        }
        for number in range(BIG_FILES)
    }


def _history(
    images: list[SampleImage], end: date, seed: int
) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, object]]]:
    """Make the months of each file, and what is known of the days before those of the logs."""
    counts: dict[str, dict[str, int]] = {}
    images = [image for image in (*images, *(GONE if images else ())) if _is_utf8(image.path)]
    days = dict(_days_before(images, end, seed))
    for image in images:
        chance = random.Random(f"{seed}/history/{image.path}")
        born = end - timedelta(days=image.age)
        # A gone image went about a year after it came, or a year ago.
        died = max(born + timedelta(days=360), end - timedelta(days=360)) if image in GONE else end
        months: Counter[str] = Counter()
        for day, record in days.items():
            months[day[:7]] += record["files"].get(image.path, [0])[0]
        first_day = min(days, default="9999")
        for month in _months_before(end, HISTORY_MONTHS):
            if born <= month < died and f"{month}" < first_day:
                novelty = 1 + 3 / (1 + (month - born).days / 60)
                estimate = max(1, round(image.weight * 26 * novelty * chance.uniform(0.7, 1.3)))
                months[f"{month:%Y-%m}"] = max(estimate, months[f"{month:%Y-%m}"])
        if +months:
            counts[image.path] = dict(+months)
    return counts, days


COLUMNS = ("started", "finished", "sent", "left_out", "asked", "checked", "ipv6", "networks", "hosting")
PROGRAMS = {"Firefox": 34, "Chrome": 27, "wget": 14, "curl": 9, "aria2": 6, "Safari": 5, "Edge": 5}
SYSTEMS = {"Linux": 48, "Windows": 38, "macOS": 8, "Android": 6}
COUNTRIES = {
    "FR": 41,
    "BE": 9,
    "DE": 8,
    "CA": 8,
    "CH": 6,
    "US": 6,
    "ES": 4,
    "IT": 4,
    "GB": 3,
    "BR": 3,
    "MA": 3,
    "PL": 2,
    "JP": 1,
}


def _days_before(images: list[SampleImage], end: date, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give what is known of each day before those of the logs, as it stands in the file of its year."""
    for age in range(HISTORY_DAYS, LOG_DAYS, -1):
        day = end - timedelta(days=age)
        chance = random.Random(f"{seed}/days/{day}")
        there = [image for image in images if image.age >= age and image not in GONE]
        newest = min((image for image in there if "amd64" in image.path), key=lambda image: image.age, default=None)
        pull = {
            image.path: (30 if image is newest else image.weight) * (1 + 5 / (1 + (image.age - age) / 5))
            for image in there
        }
        busy = 95 * (1.4 if day.weekday() >= 5 else 1.0)
        files, broke = {}, {}
        for image in there:
            mean = busy * pull[image.path] / sum(pull.values())
            started = max(0, round(chance.gauss(mean, mean**0.5)))
            if started:
                finished = sum(chance.random() < 0.84 for _ in range(started))
                gave_up = sum(chance.random() < 0.7 for _ in range(started - finished))
                checked = sum(chance.random() < 0.3 for _ in range(finished))
                ipv6 = sum(chance.random() < 0.35 for _ in range(started))
                sent = finished * (image.size + HEADERS) + gave_up * image.size // 3
                numbers = (
                    started,
                    finished,
                    sent,
                    0,
                    started - finished - gave_up,
                    checked,
                    ipv6,
                    started - ipv6 // 9,
                    None,
                )
                files[image.path] = list(numbers)
                broke[image.path] = Counter(str(int(10 * chance.random() ** 2)) for _ in range(gave_up))
        total = sum(numbers[0] or 0 for numbers in files.values())
        if total:
            missing = Counter({GONE[0].path: chance.randint(2, 9)})
            tables = {
                "programs": {"": _drawn(PROGRAMS, total, chance)},
                "systems": {"": _drawn(SYSTEMS, total, chance)},
                "countries": {"": _drawn(COUNTRIES, total, chance)},
                "broke": {path: dict(sorted(tenths.items())) for path, tenths in broke.items() if tenths},
                "not_found": {"": dict(missing)},
            }
            yield day.isoformat(), {"files": files, "tables": tables}


def _drawn(weights: dict[str, int], number: int, chance: random.Random) -> dict[str, int]:
    """Draw so many of the keys, the heavier ones more often."""
    return dict(Counter(chance.choices(list(weights), list(weights.values()), k=number)))


def _is_utf8(path: str) -> bool:
    """Tell whether a path can stand in a JSON file."""
    return not any("\udc80" <= character <= "\udcff" for character in path)


def _months_before(end: date, number: int) -> Iterator[date]:
    """Give the first days of the months before the end day's, the latest first."""
    first = end.replace(day=1)
    for _ in range(number):
        first = (first - timedelta(days=1)).replace(day=1)
        yield first


def make_logs(folder: Path, images: list[SampleImage], *, end: date, seed: int = 1) -> Downloads:
    """Write the logs of the fortnight before the end day and of its first hour, when cron runs.

    They are rotated at midnight: a line is in the log of the day on which its answer ended.

    Returns:
        The downloads that a right counter finds in them.

    Raises:
        FileExistsError: The folder has files that were not made here.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise FileExistsError(f"{folder} has files that are no sample: give another folder for the logs.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()
    traffic = Traffic(images, random.Random(f"{seed}/logs/{end}"))
    for age in range(LOG_DAYS, 0, -1):
        traffic.run_day(end - timedelta(days=age))
    stop = datetime.combine(end, time(1), UTC)
    lines = sorted(line for line in traffic.lines if line[0] < stop)
    for age in range(LOG_DAYS + 1):
        day = end - timedelta(days=age)
        content = b"".join(line for ended, _serial, line in lines if ended.date() == day)
        path = folder / (LOG_NAME if age == 0 else f"{LOG_NAME}.{age}" if age == 1 else f"{LOG_NAME}.{age}.gz")
        path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
        rotated = min(datetime.combine(day + timedelta(days=1), time(), UTC), stop).timestamp()
        os.utime(path, (rotated, rotated))
    return traffic.downloads(stop)


class Traffic:
    """What clients ask of a server, and the lines that Apache logs of it."""

    def __init__(self, images: list[SampleImage], chance: random.Random) -> None:
        self.images = images
        self.chance = chance
        self.lines: list[tuple[datetime, int, bytes]] = []
        self._keys: dict[tuple[str, str, date], datetime] = {}

    def run_day(self, day: date) -> None:
        """Let a day's clients come."""
        busy = 1.4 if day.weekday() >= 5 else 1.0
        for _ in range(round(self.chance.gauss(95 * busy, 9))):
            visit = self.chance.choices(
                (self.full, self.resumed, self.aborted, self.looked_first, self.split, self.spelled_oddly),
                (60, 12, 12, 6, 6, 4),
            )[0]
            if self.images:
                visit(self._client(), self._moment(day), self._image(day))
        if self.images:
            late = datetime.combine(day, time(23, 41), UTC)
            self.over_midnight(self._client(), late, self._image(day))
            for agent in CRAWLERS:
                self.crawled(agent, self._moment(day))
        for _ in range(40):
            self.looked_around(self._client(), self._moment(day))

    def full(self, client: str, at: datetime, image: SampleImage) -> None:
        """Download an image in one go, and often a digest."""
        agent = self.chance.choice(BROWSERS + TOOLS)
        self._answer(client, at, image, 200, image.size, agent)
        if image.companions and self.chance.random() < 0.3:
            self._log(
                client, at + MINUTE, at + MINUTE, "GET", image.request_path + image.companions[0], 200, 430, agent
            )

    def resumed(self, client: str, at: datetime, image: SampleImage) -> None:
        """Lose the connection once or more, and go on from there each time."""
        agent = self.chance.choice(BROWSERS + TOOLS[:1])
        cuts = sorted(self.chance.sample(range(image.size), self.chance.randint(1, 3)))
        for number, (start, stop) in enumerate(pairwise([0, *cuts, image.size])):
            at = self._answer(client, at, image, 206 if number else 200, stop - start, agent) + MINUTE

    def aborted(self, client: str, at: datetime, image: SampleImage) -> None:
        """Give up on the way."""
        sent = int(image.size * self.chance.random() ** 2)
        self._answer(client, at, image, 200, sent, self.chance.choice(BROWSERS))

    def looked_first(self, client: str, at: datetime, image: SampleImage) -> None:
        """Ask for the size first."""
        agent = self.chance.choice(TOOLS)
        self._answer(client, at, image, 200, 0, agent, method="HEAD")
        self._answer(client, at + MINUTE, image, 200, image.size, agent)

    def split(self, client: str, at: datetime, image: SampleImage) -> None:
        """Download four parts at once, as aria2 -x4 does."""
        quarter = image.size // 4
        for part in range(4):
            size = quarter if part else image.size - 3 * quarter
            self._answer(client, at + part * MINUTE / 60, image, 206 if part else 200, size, ARIA2, rate=GIB // 300)

    def spelled_oddly(self, client: str, at: datetime, image: SampleImage) -> None:
        """Ask for an image by another spelling of its address."""
        path = image.request_path
        odd = self.chance.choice(
            (
                f"/{path}",
                f"{path}?mirror=1",
                f"/./x/..{path}",
                f"https://downloads.example{path}",
                path.replace("-", "%2D"),
            )
        )
        self._answer(client, at, image, 200, image.size, self.chance.choice(TOOLS), path=odd)

    def over_midnight(self, client: str, at: datetime, image: SampleImage) -> None:
        """Begin before midnight, lose the connection after it, and go on then: a download on each of two days."""
        half = image.size // 2
        ended = self._answer(client, at, image, 200, half, BROWSERS[0], rate=half // 1200)
        self._answer(client, ended + 5 * MINUTE, image, 206, image.size - half, BROWSERS[0], rate=half // 900)

    def crawled(self, agent: str, at: datetime) -> None:
        """Fetch what a crawler fetches, the beginning of an image too."""
        client = str(IPv6Address(f"2001:db8:b07::{CRAWLERS.index(agent) + 1}"))
        self._log(client, at, at, "GET", "/robots.txt", 404, 196 + HEADERS, agent)
        self._answer(client, at + MINUTE, self.chance.choice(self.images), 200, 65_536, agent)

    def looked_around(self, client: str, at: datetime) -> None:
        """Ask for what is no image, or is not to be had."""
        agent = self.chance.choice(BROWSERS)
        path, status, size = self.chance.choice(
            (
                ("/", 200, 9_120),
                ("/en/", 200, 8_990),
                ("/theme/css/main.css", 200, 7_210),
                ("/theme/css/main.css", 304, 0),
                ("/favicon.ico", 404, 196),
                ("/wp-login.php", 404, 196),
                ("/bento-openbox-noble-24.04.1-amd64.iso", 404, 196),
                ("/feeds/images.atom.xml", 200, 5_480),
            )
        )
        self._log(client, at, at, "GET", path, status, size + HEADERS, agent)
        if self.chance.random() < 0.03:
            # A TLS greeting on a plain port, as httpd logs it.
            self._log_line(client, at, at, "\\x16\\x03\\x01", 400, 226 + HEADERS, "-", "-")

    def downloads(self, stop: datetime) -> Downloads:
        """Count the downloads whose first line was logged before a moment."""
        found: dict[str, Counter[date]] = defaultdict(Counter)
        for (_client, path, day), ended in self._keys.items():
            if ended < stop:
                found[path][day] += 1
        return {path: dict(days) for path, days in found.items()}

    def _answer(
        self,
        client: str,
        at: datetime,
        image: SampleImage,
        status: int,
        size: int,
        agent: str,
        *,
        method: str = "GET",
        path: str | None = None,
        rate: int | None = None,
    ) -> datetime:
        """Log the answer with so many bytes of an image, and give the moment it ended (``rate``: bytes a second)."""
        seconds = size / (rate or self.chance.randint(4 << 20, 40 << 20))
        ended = at + timedelta(seconds=seconds)
        self._log(client, at, ended, method, path or image.request_path, status, size + HEADERS, agent)
        key = (client, image.path, at.date())
        self._keys[key] = min(ended, self._keys.get(key, ended))
        return ended

    def _log(
        self, client: str, at: datetime, ended: datetime, method: str, path: str, status: int, sent: int, agent: str
    ) -> None:
        """Log a request with a method and a path."""
        referrer = REFERRER if agent in BROWSERS and path.endswith(".iso") else "-"
        self._log_line(client, at, ended, f"{method} {path} HTTP/1.1", status, sent, referrer, agent)

    def _log_line(
        self,
        client: str,
        at: datetime,
        ended: datetime,
        request: str,
        status: int,
        sent: int,
        referrer: str,
        agent: str,
    ) -> None:
        """Log a line in Debian's "combined" format; %t is the moment the request came."""
        stamp = at.strftime("%d/%b/%Y:%H:%M:%S %z")
        line = f'{client} - - [{stamp}] "{request}" {status} {sent} "{referrer}" "{agent}"\n'
        self.lines.append((ended, len(self.lines), line.encode()))

    def _client(self) -> str:
        """Give an address from the ranges kept for documentation (RFC 5737, RFC 3849)."""
        if self.chance.random() < 0.35:
            return str(
                IPv6Address("2001:db8::") + self.chance.getrandbits(12) * (1 << 64) + self.chance.getrandbits(16)
            )
        network = self.chance.choice(("192.0.2.0", "198.51.100.0", "203.0.113.0"))
        return str(IPv4Address(network) + self.chance.randint(1, 254))

    def _moment(self, day: date) -> datetime:
        """Give a second of a day; most are in the afternoon and evening."""
        return datetime.combine(day, time(), UTC) + timedelta(seconds=int(self.chance.triangular(0, 84_000, 64_000)))

    def _image(self, day: date) -> SampleImage:
        """Give an image, more likely one that is asked for more."""
        drift = [image.weight * (1 + 0.3 * ((day.toordinal() + n) % 5) / 5) for n, image in enumerate(self.images)]
        return self.chance.choices(self.images, drift)[0]


def main(arguments: list[str] | None = None) -> int:
    """Make the sample that the command line asks for, and give the exit status."""
    parser = argparse.ArgumentParser(description="Make a sample web root and its access logs.")
    parser.add_argument("--web-root", type=Path, required=True, help="folder for the images; what is there stays")
    parser.add_argument("--logs", type=Path, required=True, help="folder for the logs; new, empty or made here before")
    parser.add_argument("--state", choices=get_args(State), default="normal")
    parser.add_argument("--end", type=date.fromisoformat, help="the last day, YYYY-MM-DD; today unless given")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    end = options.end or datetime.now(UTC).date()
    try:
        images = make_web_root(options.web_root, options.state, end=end, seed=options.seed)
        make_history(options.web_root, images, options.state, end=end, seed=options.seed)
        make_logs(options.logs, images, end=end, seed=options.seed)
    except OSError as error:
        print(f"sample: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
