"""No page gets longer than a visitor's patience, whatever images are called and however many there are."""

from pathlib import Path

import pytest

from sites import build


@pytest.mark.parametrize(
    ("number", "start"), [(300, "'" * 120), (300, "&" * 120), (2000, "distribution-amd64-")], ids=["'", "&", "many"]
)
def test_no_public_page_is_longer_than_150_kilobytes(tmp_path: Path, number: int, start: str) -> None:
    logs, files = tmp_path / "logs", tmp_path / "files"
    logs.mkdir()
    (logs / "access.log").touch()
    files.mkdir()
    for image in (f"{start}{n}.iso" for n in range(number)):
        (files / image).write_bytes(b"x")
        (files / f"{image}.sha256").write_text(f"{'a' * 64}  {image}\n")

    build(files, logs, "https://downloads.example")

    pages = {page: page.stat().st_size for page in files.rglob("*.html")}
    assert {page.name: size for page, size in pages.items() if size > 150_000} == {}
    found = "".join(page.read_text() for page in pages if page.parent.name == "images")
    assert found.count("<tr id=") == 2 * number  # in both languages
