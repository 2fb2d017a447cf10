"""The images in a web root, and what lies beside them, are found by looking."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from download_counter.catalogue import Image, digest_in, quote_file, scan
from download_counter.errors import DownloadCounterError
from download_counter.settings import COMPANIONS

NAME = b"a.iso"
MD5 = "0123456789abcdef0123456789abcdef"
SHA256 = MD5 * 2


def put(root: Path, name: str | bytes, content: bytes = b"x", mtime: float = 1_778_320_800) -> Path:
    path = root / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (mtime, mtime))
    return path


def look(root: Path, *extensions: str) -> tuple[list[Image], list[str]]:
    return scan(root, extensions or (".iso",), COMPANIONS, UTC)


def names(root: Path) -> list[str]:
    images, problems = look(root)
    assert problems == []
    return [image.file for image in images]


def test_images_are_listed_newest_first_and_then_by_name(tmp_path: Path) -> None:
    put(tmp_path, "old.iso", mtime=1_000_000_000)
    put(tmp_path, "archives/2019/b.iso")
    put(tmp_path, "A.ISO")
    put(tmp_path, "new.iso", mtime=1_800_000_000)

    assert names(tmp_path) == ["new.iso", "A.ISO", "archives/2019/b.iso", "old.iso"]


def test_an_image_is_told_with_all_that_a_page_needs(tmp_path: Path) -> None:
    put(tmp_path, "x/caf\u00e9 100%.iso", b"12345")

    [image], _ = look(tmp_path)

    assert image == Image(
        file="x/café 100%.iso",
        name="café 100%.iso",
        folder="x",
        url="x/caf%C3%A9%20100%25.iso",
        size=5,
        date=datetime(2026, 5, 9, 10, tzinfo=UTC),
        companions=(),
    )


def test_dates_are_in_the_zone_that_is_asked_for(tmp_path: Path) -> None:
    put(tmp_path, "a.iso", mtime=datetime(2026, 5, 9, 23, tzinfo=UTC).timestamp())

    [image], _ = scan(tmp_path, (".iso",), (), ZoneInfo("Europe/Paris"))
    [local], _ = scan(tmp_path, (".iso",), ())

    assert (image.date.isoformat(), image.date.utcoffset()) == ("2026-05-10T01:00:00+02:00", timedelta(hours=2))
    assert local.date == image.date


@pytest.mark.parametrize("mtime", [0, -1e9, 4e9, 1e10])
def test_a_date_of_long_ago_or_to_come_is_a_date(tmp_path: Path, mtime: float) -> None:
    put(tmp_path, "a.iso", mtime=mtime)

    [image], _ = look(tmp_path)

    assert image.date == datetime.fromtimestamp(mtime, UTC)


def test_what_is_hidden_or_no_image_is_left_out(tmp_path: Path) -> None:
    for name in (".hidden.iso", ".stats/x.iso", "x/.git/y.iso", "a.iso.md5", "a.txt", "iso", "aiso"):
        put(tmp_path, name)
    (tmp_path / "folder.iso").mkdir()
    os.mkfifo(tmp_path / "fifo.iso")
    put(tmp_path, "x/y/z.iso")

    assert names(tmp_path) == ["x/y/z.iso"]


def test_other_endings_are_images_if_the_settings_say_so(tmp_path: Path) -> None:
    put(tmp_path, "a.iso")
    put(tmp_path, "b.IMG.xz")

    images, _ = look(tmp_path, ".img.xz")

    assert [image.file for image in images] == ["b.IMG.xz"]


ODD = [b"\xff\xfe.iso", b"a\nb.iso", b"<b>.iso", b"-rf.iso", b"=1+1.iso", "gpj\u202eosi.iso".encode(), b" .iso"]


@pytest.mark.parametrize("name", ODD)
def test_any_name_is_a_name(tmp_path: Path, name: bytes) -> None:
    put(tmp_path, name)

    [image], problems = look(tmp_path)

    assert os.fsencode(image.file) == name
    assert image.url == quote_file(image.file)
    assert problems == []


@pytest.mark.parametrize(
    ("file", "url"),
    [
        ("a b.iso", "a%20b.iso"),
        ("x/y.iso", "x/y.iso"),
        ("?#%.iso", "%3F%23%25.iso"),
        ("\udcff.iso", "%FF.iso"),
        ("a:b.iso", "a%3Ab.iso"),
    ],
)
def test_a_url_is_the_name_byte_for_byte(file: str, url: str) -> None:
    assert quote_file(file) == url


def test_companions_are_told_in_the_order_of_the_settings(tmp_path: Path) -> None:
    put(tmp_path, "x/a b.iso")
    for ending in (".torrent", ".sha256", ".md5", ".unknown"):
        put(tmp_path, f"x/a b.iso{ending}", f"{SHA256}  a b.iso\n".encode())
    put(tmp_path, "a b.iso.asc")

    [image], _ = look(tmp_path)

    assert [(one.kind, one.digest) for one in image.companions] == [
        ("md5", None),
        ("sha256", SHA256),
        ("torrent", None),
    ]
    assert image.companions[1].url == "x/a%20b.iso.sha256"
    assert (image.companions[1].file, image.companions[1].name) == ("x/a b.iso.sha256", "a b.iso.sha256")
    assert image.companions[1].size == len(SHA256) + 10


@pytest.mark.parametrize("kind", ["directory", "fifo", "link to nothing", "link out", "huge"])
def test_a_companion_that_is_no_small_plain_file_gives_no_digest_and_holds_nothing_up(
    tmp_path: Path, kind: str
) -> None:
    root = tmp_path / "www"
    put(root, "a.iso")
    put(tmp_path, "secret", f"{SHA256}\n".encode())
    companion = root / "a.iso.sha256"
    match kind:
        case "directory":
            companion.mkdir()
        case "fifo":
            os.mkfifo(companion)
        case "link to nothing":
            companion.symlink_to("nowhere")
        case "link out":
            companion.symlink_to("../secret")
        case "huge":
            with companion.open("wb") as file:
                file.write(SHA256.encode())
                file.truncate(1 << 30)

    [image], problems = look(root)

    assert [one.digest for one in image.companions] == ([None] if kind == "huge" else [])
    assert len(problems) == kind.startswith("link")


def test_a_companion_that_is_a_link_within_the_web_root_is_read(tmp_path: Path) -> None:
    put(tmp_path, "a.iso")
    put(tmp_path, "sums/a.sha256", f"{SHA256}\n".encode())
    (tmp_path / "a.iso.sha256").symlink_to("sums/a.sha256")

    [image], problems = look(tmp_path)

    assert ([one.digest for one in image.companions], problems) == ([SHA256], [])


def test_links_within_the_web_root_are_followed_and_those_that_lead_out_are_named(tmp_path: Path) -> None:
    root = tmp_path / "www"
    put(root, "real/a.iso")
    put(tmp_path, "outside/secret.iso")
    (root / "latest.iso").symlink_to("real/a.iso")
    (root / "folder").symlink_to("real")
    (root / "loop").symlink_to(".")
    (root / "out.iso").symlink_to("../outside/secret.iso")
    (root / "out").symlink_to("../outside")
    (root / "gone.iso").symlink_to("nowhere.iso")

    images, problems = look(root)

    assert "latest.iso" in {image.file for image in images}
    assert not any("secret" in image.file or "out" in image.file for image in images)
    # A folder is listed once, by whichever of its names comes first.
    assert sum(image.name == "a.iso" for image in images) == 1
    told = "\n".join(problems)
    for name in ("out.iso", "out", "gone.iso"):
        assert f"{root}/{name} " in told
    assert len(problems) == 3


def test_a_web_root_that_is_a_link_is_the_admins_choice(tmp_path: Path) -> None:
    put(tmp_path / "real", "a.iso")
    (tmp_path / "www").symlink_to("real")

    assert names(tmp_path / "www") == ["a.iso"]


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_a_web_root_that_cannot_be_listed_is_an_error_that_names_it(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "www"
    if kind == "file":
        root.touch()

    with pytest.raises(DownloadCounterError, match=rf"web root {root} cannot be listed: (No such|Not a)"):
        look(root)


@pytest.mark.parametrize(
    ("content", "digest"),
    [
        (f"{MD5}  a.iso\n", MD5),
        (f"{MD5} *a.iso\n", MD5),
        (f"{MD5}\n", MD5),
        (MD5.upper(), MD5),
        (f"  {MD5}\ta.iso\r\n", MD5),
        (f"\\{MD5}  a.iso\n", MD5),
        (f"MD5 (a.iso) = {MD5}\n", MD5),
        (f"MD5(a.iso)= {MD5}\n", MD5),
        (f"{MD5}  ./iso/a.iso\n", MD5),
        (f"{'f' * 32}  b.iso\n{MD5}  a.iso\n", MD5),
        (f"# comment\n\n{MD5}  a.iso\n", MD5),
        # An admin who renamed the image did not edit the file.
        (f"{MD5}  old-name.iso\n", MD5),
        (f"{MD5}  b.iso\n{'f' * 32}  c.iso\n", None),
        ("", None),
        ("no digest here\n", None),
        (SHA256, None),
        (MD5[:-1], None),
        (f"{MD5}a.iso", None),
        ("\x00\xff", None),
    ],
)
def test_a_digest_is_found_in_every_usual_kind_of_checksums_file(content: str, digest: str | None) -> None:
    assert digest_in(content.encode("latin-1"), "md5", NAME) == digest
