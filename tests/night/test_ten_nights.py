"""Ten nights of a whole server, by the files of deploy/ as they are, and what cron mails after them."""

import gzip
import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from checkout import copy_checkout
from night.world import ADM, DEPLOY, LOG, PROGRAM, USER_ID, WEB_ROOT, World, can_unshare
from support import find_program, needs, open_folder, random_file

# In the future of this machine, so that make finds no file that is younger than now; over the end of a month.
FIRST_DAY = date(datetime.now(UTC).year + 1, 2, 23)
NIGHTS = 10
NEW, OLD = "bento-openbox-noble-24.04-amd64.iso", "archives/2019/bento tori.iso"
SIZES = {NEW: 600_000, OLD: 300_000}

PAGE_HEADER = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "base-uri 'self'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_folder() as folder:
        found = World(folder)
        program = found.path(PROGRAM)
        copy_checkout(program)
        subprocess.run(["chown", "-R", f"{USER_ID}:{USER_ID}", program], check=True)
        for file, size in SIZES.items():
            random_file(found.path(WEB_ROOT) / file, size, datetime(2026, 4, 1, tzinfo=UTC))
        found.turn_to(datetime.combine(FIRST_DAY, time(10)))
        with found:
            found.start_server()
            found.rotate()
            yield found


pytestmark = [
    needs("apache2", "faketime", "logrotate", "curl"),
    pytest.mark.skipif(not can_unshare(), reason="needs root, and namespaces from the kernel"),
    pytest.mark.skipif(find_program("make") is None, reason="install make"),
]


def counts(world: World) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads((world.path(WEB_ROOT) / ".stats/counts.json").read_text())
    return found


def leftovers(world: World) -> list[Path]:
    return list(world.path(WEB_ROOT).rglob(".download-counter-*"))


def test_ten_nights_are_silent_and_count_what_clients_did(world: World) -> None:
    truth: dict[str, dict[str, int]] = {NEW: {}, OLD: {}}
    images = {file: (world.path(WEB_ROOT) / file).read_bytes() for file in SIZES}
    day = FIRST_DAY
    for night in range(NIGHTS):
        world.turn_to(datetime.combine(day, time(12)))
        for client in range(night % 3 + 1):
            address = f"127.0.{night}.{client + 1}"
            assert world.curl(f"/{NEW}", "--interface", address, "--range", "0-99").status == 206
            assert world.curl(f"/{NEW}", "--interface", address, "--range", "100-").status == 206
            truth[NEW][f"{day:%Y-%m}"] = truth[NEW].get(f"{day:%Y-%m}", 0) + 1
        if night % 4 == 0:
            assert world.curl("/archives/2019/bento%20tori.iso", "--interface", "127.0.9.9").status == 200
            truth[OLD][f"{day:%Y-%m}"] = truth[OLD].get(f"{day:%Y-%m}", 0) + 1
        day += timedelta(days=1)
        world.turn_to(datetime.combine(day, time(0)))
        world.rotate()
        world.turn_to(datetime.combine(day, time(1)))
        assert (world.night(), world.exit_code) == ("", 0)
    assert counts(world) == truth
    logs = sorted(path.name for path in world.path(LOG).parent.glob(LOG.name + "*"))
    assert logs == sorted([LOG.name, LOG.name + ".1", *(f"{LOG.name}.{n}.gz" for n in range(2, NIGHTS + 1))])
    assert {file: (world.path(WEB_ROOT) / file).read_bytes() for file in SIZES} == images
    assert not leftovers(world)


def test_pages_are_made_and_owned_by_the_counters_own_user_and_readable_by_the_web_server(world: World) -> None:
    pages = [path for path in world.path(WEB_ROOT).rglob("*") if path.suffix in (".html", ".css", ".xml", ".woff2")]
    assert len(pages) > 8
    for page in pages:
        assert page.stat().st_uid == USER_ID
        assert page.stat().st_mode & 0o777 == 0o644
        assert page.parent.stat().st_mode & 0o005 == 0o005
        # The address as a browser asks for it.
        answer = world.curl("/" + str(page.relative_to(world.path(WEB_ROOT))), "--head")
        assert answer.status == 200
        assert PAGE_HEADER.items() <= answer.header.items()


@pytest.mark.parametrize(
    ("file", "content_type"),
    [
        (NEW, "application/x-iso9660-image"),
        ("index.html", "text/html; charset=utf-8"),
        ("en/", "text/html; charset=utf-8"),
        ("feeds/images.atom.xml", "application/atom+xml"),
        ("theme/css/main.css", "text/css"),
        (".stats/downloads.csv", "text/csv"),
        (".stats/counts.json", "application/json"),
    ],
)
def test_files_are_served_as_what_they_are(world: World, file: str, content_type: str) -> None:
    assert world.curl(f"/{file}", "--head").header["content-type"] == content_type


def test_downloads_can_be_resumed_and_are_not_compressed_on_their_way(world: World) -> None:
    whole = world.curl(f"/{NEW}", "--head", "--header", "Accept-Encoding: gzip")
    assert whole.header["accept-ranges"] == "bytes"
    assert whole.header["content-length"] == str(SIZES[NEW])
    assert "content-encoding" not in whole.header
    assert whole.header["cache-control"] == "public, max-age=86400, no-transform"
    rest = world.curl(f"/{NEW}", "--head", "--range", "100-", "--header", f"If-Range: {whole.header['etag']}")
    assert rest.header["content-range"] == f"bytes 100-{SIZES[NEW] - 1}/{SIZES[NEW]}"


def test_pages_are_kept_for_minutes_and_asked_for_again_cheaply(world: World) -> None:
    page = world.curl("/", "--head")
    assert page.header["cache-control"] == "public, max-age=300"
    again = world.curl("/", "--head", "--header", f"If-None-Match: {page.header['etag']}")
    assert again.status == 304


@pytest.mark.parametrize("address", ["/.stats/", "/en/.stats/", "/.stats/counts.json", "/.stats/downloads.csv"])
def test_statistics_are_served_and_kept_out_of_search_engines(world: World, address: str) -> None:
    answer = world.curl(address, "--head")
    assert answer.status == 200
    assert answer.header["x-robots-tag"] == "noindex, nofollow, noarchive"
    assert answer.header["cache-control"] == "private, no-cache"
    assert "x-robots-tag" not in world.curl("/", "--head").header


def test_an_address_of_the_statistics_without_its_slash_leads_there(world: World) -> None:
    assert world.curl("/.stats", "--head").header["location"].endswith("/.stats/")


def test_the_lock_other_hidden_files_and_listings_are_not_served(world: World) -> None:
    (world.path(WEB_ROOT) / ".download-counter-0123456789abcdef").write_text("half a page")
    for address in ("/.stats/.lock", "/.download-counter-0123456789abcdef", "/archives/", f"/{NEW}/x"):
        assert world.curl(address).status in (403, 404), address
    (world.path(WEB_ROOT) / ".download-counter-0123456789abcdef").unlink()


def test_a_link_to_somebody_elses_file_is_not_served(world: World) -> None:
    link = world.path(WEB_ROOT) / "passwd.iso"
    link.symlink_to("/etc/passwd")
    os.chown(link, USER_ID, ADM, follow_symlinks=False)
    assert world.curl("/passwd.iso").status == 403
    link.unlink()


def test_plain_http_leads_to_https(world: World) -> None:
    answer = world.curl(f"/{NEW}", scheme="http")
    assert (answer.status, answer.header["location"]) == (301, f"https://downloads.linuxvillage.org/{NEW}")


@pytest.mark.parametrize("lines", [("AuthType", "AuthName", "AuthUserFile", "Require valid-user"), ("Require ip",)])
def test_the_statistics_are_shut_by_taking_away_comment_signs(world: World, lines: tuple[str, ...]) -> None:
    site = world.path(Path("/etc/apache2/sites-available/downloads.conf"))
    as_shipped = site.read_text()
    site.write_text(
        "".join(
            line.replace("# ", "", 1) if line.strip().startswith(tuple(f"# {begin}" for begin in lines)) else line
            for line in as_shipped.splitlines(keepends=True)
        )
    )
    assert site.read_text() != as_shipped
    htpasswd = world.path(Path("/etc/apache2/downloads.htpasswd"))
    subprocess.run(["htpasswd", "-Bbc", htpasswd, "maintainer", "secret"], check=True, capture_output=True)
    world.reload_server()
    try:
        shut = 401 if "AuthType" in lines else 403
        for address in ("/.stats/", "/en/.stats/", "/.stats/counts.json", "//.stats//", "/%2estats/index.html"):
            answer = world.curl(address, "--retry", "3", "--retry-connrefused")
            assert answer.status == shut, address
        assert world.curl("/").status == 200
        if "AuthType" in lines:
            assert world.curl("/.stats/", "--user", "maintainer:secret").status == 200
    finally:
        site.write_text(as_shipped)
        world.reload_server()


class TestMails:
    """What cron mails when something is wrong: one message, and nothing any more when all is well again."""

    def test_logs_that_are_gone(self, world: World) -> None:
        before = counts(world)
        away = world.path(LOG).parent.with_name("away")
        world.path(LOG).parent.rename(away)
        (world.path(LOG).parent).mkdir()
        mail = world.night()
        world.path(LOG).parent.rmdir()
        away.rename(world.path(LOG).parent)
        assert mail.startswith(f"Error: No access log matches {LOG}*.")
        assert mail.count("Error:") == 1
        assert "Traceback" not in mail
        assert world.exit_code != 0
        assert counts(world) == before

    def test_a_log_that_is_damaged(self, world: World) -> None:
        last = max(world.path(LOG).parent.glob(LOG.name + ".*.gz"))
        whole = last.read_bytes()
        last.write_bytes(gzip.compress(gzip.decompress(whole) * 50)[:-200])
        mail = world.night()
        last.write_bytes(whole)
        assert mail.count("\n") == 1
        assert last.name in mail
        assert "cut or damaged" in mail
        assert world.exit_code == 0

    def test_something_else_that_is_called_like_a_log(self, world: World) -> None:
        pipe = world.path(LOG).with_name(LOG.name + ".pipe")
        os.mkfifo(pipe)
        mail = world.night()
        pipe.unlink()
        assert mail == f"Warning: {LOG}.pipe is not a plain file; left out.\n"
        assert world.exit_code == 0

    def test_a_web_root_that_may_not_be_written_to(self, world: World) -> None:
        web_root = world.path(WEB_ROOT)
        with world.path(LOG).open("a") as log:
            log.write("a line, so that there is something to do\n")
        os.chown(web_root / ".stats", 0, 0)
        mail = world.night()
        os.chown(web_root / ".stats", USER_ID, USER_ID)
        assert mail.startswith(f"Error: {WEB_ROOT}/.stats/")
        assert f"cannot replace files written by root. As root: chown -R download-stats: {WEB_ROOT}/.stats" in mail
        assert mail.count("Error:") == 1
        assert world.exit_code != 0

    def test_counts_that_are_no_json(self, world: World) -> None:
        file = world.path(WEB_ROOT) / ".stats/counts.json"
        before = file.read_bytes()
        file.write_bytes(before[:-20])
        mail = world.night()
        assert file.read_bytes() == before[:-20]
        file.write_bytes(before)
        assert mail.startswith(f"Error: {WEB_ROOT}/.stats/counts.json is not JSON")
        assert mail.count("Error:") == 1
        assert world.night() == ""


def test_the_systemd_units_are_right_and_shut_off() -> None:
    if (analyze := find_program("systemd-analyze")) is None:
        pytest.skip("install systemd")
    units = [DEPLOY / "systemd/download-counter.service", DEPLOY / "systemd/download-counter.timer"]
    done = subprocess.run([analyze, "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    # 10 is open to all, 0 shut; systemd calls up to 2 "OK".
    exposure = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", units[0]], capture_output=True, check=False
    )
    assert exposure.returncode == 0


def test_cron_and_systemd_run_the_same_job() -> None:
    job = "make -sC /opt/download_stats ingest publish\n"
    assert (DEPLOY / "cron.d/download-counter").read_text().endswith(job)
    assert job in (DEPLOY / "systemd/download-counter.service").read_text()
