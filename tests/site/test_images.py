"""Which image comes first, and the commands that check one."""

import hashlib
import os
import subprocess
from datetime import UTC
from pathlib import Path

import pytest

from download_counter.catalogue import scan
from download_counter.settings import COMPANIONS, check
from download_counter.site.commands import check_commands
from download_counter.site.images import SiteImage, recommended, site_images

NEW, OLD = 1_790_000_000, 1_420_000_000


def shown(root: Path) -> list[SiteImage]:
    images, problems = scan(root, (".iso",), COMPANIONS, UTC)
    assert problems == []
    return site_images(images, "", [], {}, check({"web_root": root, "logs": "x"}))


def put(root: Path, name: str, content: bytes = b"x", mtime: int = NEW) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (mtime, mtime))
    return path


def first(root: Path) -> str | None:
    found = recommended(shown(root))
    return found.file if found else None


def test_the_newest_image_comes_first_and_of_its_release_that_for_amd64(tmp_path: Path) -> None:
    put(tmp_path, "bento-24.04.3-i386.iso", mtime=NEW + 60)
    put(tmp_path, "bento-24.04.3-amd64.iso")
    put(tmp_path, "bento-24.04.2-amd64.iso", mtime=OLD)

    assert first(tmp_path) == "bento-24.04.3-amd64.iso"


@pytest.mark.parametrize(
    "name", ["archives/bento-12.04-amd64.iso", "bento-25.04-beta-amd64.iso", "old/bento-9-amd64.iso"]
)
def test_neither_an_archived_image_that_was_restored_nor_a_test_version_comes_first(tmp_path: Path, name: str) -> None:
    put(tmp_path, "bento-24.04-amd64.iso", mtime=OLD)
    put(tmp_path, name, mtime=NEW)

    assert first(tmp_path) == "bento-24.04-amd64.iso"


def test_without_images_none_comes_first(tmp_path: Path) -> None:
    assert first(tmp_path) is None


@pytest.mark.parametrize("name", ["SHA256SUMS", "sha256sum.txt", "Bento-24.04-CHECKSUM", "a.iso.sha256"])
def test_the_digest_of_a_list_or_a_file_beside_it_is_the_images(tmp_path: Path, name: str) -> None:
    put(tmp_path, "a.iso", b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    put(tmp_path, name, f"{digest}  a.iso\n{'0' * 64}  b.iso\n".encode())

    [image] = shown(tmp_path)

    assert [(one.kind, one.digest) for one in image.digests] == [("sha256", digest)]


# A browser saves no newline in a name, and the page shows the name that it saves.
HOSTILE = [
    "a.iso",
    "a b.iso",
    'it\'s "a".iso',
    "$(reboot).iso",
    "-a.iso",
    "back\\slash.iso",
    "é*?.iso",
]


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256", "sha512"])
@pytest.mark.parametrize("name", HOSTILE)
def test_the_command_for_linux_answers_ok_for_a_good_download_and_fails_for_a_bad_one(
    tmp_path: Path, name: str, kind: str
) -> None:
    image = put(tmp_path, name, b"content")
    put(tmp_path, f"{name}.{kind}", hashlib.new(kind, b"content").hexdigest().encode())
    [one] = shown(tmp_path)
    command = next(each for each in check_commands(one.digests[0], name) if each.system == "Linux")

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", command.text],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )

    assert run().stdout.rstrip().endswith(command.answer)
    image.write_bytes(b"damaged")
    assert run().returncode != 0
