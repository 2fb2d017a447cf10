"""Lines beside downloads: what a client fetched to check an image, and what it asked for and is not there."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from accesslog import Line
from download_counter.counting.rule import CHECK, MISSING, checked_by, days_in_time
from download_counter.counting.tally import tally
from download_counter.settings import Rule
from tallies import of_kind


def kinds(line: Line) -> set[str]:
    """The kinds of numbers, other than downloads, that a line is for."""
    found = tally([(line.encode(), 0)], Rule())
    return {kind for kind in (CHECK, MISSING) if of_kind(found, kind)}


@pytest.mark.parametrize(
    "name",
    [
        "a.iso.md5", "a.iso.sha1", "a.iso.sha256", "a.iso.sha512", "a.iso.asc", "a.iso.sig", "a.iso.sign", "a.iso.gpg",
        "A.ISO.SHA256", "SHA256SUMS", "SHA512SUMS.gpg", "MD5SUMS", "sha256sum.txt", "sha256sums.txt.asc", "b2sums",
        "x/SHA256SUMS.sign", "Fedora-40-x86_64-CHECKSUM", "checksums", "bento-SHA1SUM", "SHA256-CHECKSUM",
    ],
)  # fmt: skip
def test_a_digest_a_list_of_digests_and_a_signature_check_an_image(name: str) -> None:
    line = Line(target=f"/{name}".encode())

    assert kinds(line) == {CHECK}
    assert kinds(replace(line, status=206)) == {CHECK}
    assert kinds(replace(line, method=b"HEAD")) == set(), "who asks for its size has not got it"
    assert kinds(replace(line, method=b"POST")) == set()
    assert kinds(replace(line, status=304)) == set()


def test_a_list_of_digests_is_seen_in_a_log_of_json_too() -> None:
    line = b'{"ts":1778335200,"remote_ip":"192.0.2.1","request":"GET /SHA256SUMS HTTP/1.1","status":200}\n'

    assert len(of_kind(tally([(line, 0)], Rule(log_format="json")), CHECK)) == 1


@pytest.mark.parametrize(
    "name", ["a.iso", "a.iso.torrent", "a.iso.zsync", "a.txt.md5", "sum.html", "SHA256SUMS.html", "sha256sums/x", "md5"]
)
def test_anything_else_checks_nothing(name: str) -> None:
    assert kinds(Line(target=f"/{name}".encode())) == set()


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize("status", [404, 410])
def test_an_image_or_its_companion_that_is_not_there_is_asked_for(method: bytes, status: int) -> None:
    for name in (b"/a.iso", b"/A.ISO", b"/a.iso.sha256", b"/x/a.iso.asc", b"/a.iso.torrent", b"/a.iso.zsync"):
        assert kinds(Line(target=name, method=method, status=status)) == {MISSING}


@pytest.mark.parametrize(("name", "status"), [("a.iso", 403), ("a.iso", 500), ("a.html", 404), ("SHA256SUMS", 404)])
def test_other_answers_and_other_files_are_not_missing(name: str, status: int) -> None:
    assert kinds(Line(target=f"/{name}".encode(), status=status)) == set()


@pytest.mark.parametrize(
    ("fetched", "image", "folder"),
    [
        ("a.iso.md5", "a.iso", None),
        ("x/a.ISO.sha256", "x/a.ISO", None),
        ("x/a.img.asc", "x/a.img", None),
        ("a.iso.iso.md5", "a.iso.iso", None),
        (".iso.md5", ".iso", None),
        ("SHA256SUMS", "", ""),
        ("x/y/SHA256SUMS.gpg", "", "x/y"),
        ("a.iso.d/SHA256SUMS", "", "a.iso.d"),
    ],
)
def test_what_was_fetched_checks_one_image_or_all_of_its_folder(fetched: str, image: str, folder: str | None) -> None:
    assert checked_by(fetched, (".iso", ".img")) == (image, folder)


@pytest.mark.parametrize(("days", "together"), [(1, True), (365, True), (366, True), (367, False), (30000, False)])
def test_days_more_than_a_year_from_most_others_are_of_a_wrong_clock(days: int, together: bool) -> None:
    first = date(2026, 5, 9)
    later, earlier = ((first + timedelta(sign * days)).isoformat() for sign in (1, -1))
    wrong = {later: 1, earlier: 1} if together else {}

    assert days_in_time({first.isoformat(): 3, later: 1, earlier: 1}) == {first.isoformat(), *wrong}


def test_of_two_times_with_as_many_lines_the_later_one_is_right() -> None:
    assert days_in_time({"1970-01-01": 2, "2026-05-09": 1, "2026-05-10": 1}) == {"2026-05-09", "2026-05-10"}
    assert days_in_time({}) == set()


def test_a_log_of_the_first_day_of_all_is_read() -> None:
    assert days_in_time({"0001-01-01": 1}) == {"0001-01-01"}
