"""A theme's words are compiled when they have changed."""

import gettext
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from download_counter.errors import DownloadCounterError
from download_counter.site.translations import compile_translations

PO = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8"\n\nmsgid "Images"\nmsgstr "{}"\n'


def write(theme: Path, language: str, text: str) -> Path:
    po = theme / "translations" / language / "LC_MESSAGES" / "messages.po"
    po.parent.mkdir(parents=True, exist_ok=True)
    po.write_text(text)
    return po


def word(theme: Path, language: str) -> str:
    return gettext.translation("messages", theme / "translations", [language]).gettext("Images")


def test_each_language_is_compiled(tmp_path: Path) -> None:
    write(tmp_path, "fr", PO.format("Les images"))
    write(tmp_path, "de", PO.format("Abbilder"))

    compile_translations(tmp_path)

    assert (word(tmp_path, "fr"), word(tmp_path, "de")) == ("Les images", "Abbilder")


def test_what_has_changed_is_compiled_again_and_what_has_not_is_left(tmp_path: Path) -> None:
    po = write(tmp_path, "fr", PO.format("Les images"))
    compile_translations(tmp_path)
    mo = po.with_suffix(".mo")
    before = mo.stat()
    compile_translations(tmp_path)
    assert (mo.stat().st_ino, mo.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

    po.write_text(PO.format("Autres"))
    os.utime(po, ns=(before.st_mtime_ns + 1, before.st_mtime_ns + 1))
    compile_translations(tmp_path)

    assert mo.stat().st_ino != before.st_ino
    assert b"Autres" in mo.read_bytes()


def test_processes_that_compile_at_once_do_not_meet(tmp_path: Path) -> None:
    for language in ("fr", "de", "es", "it", "pt", "nl", "sv", "da"):
        write(tmp_path, language, PO.format(language) + "".join(f'\nmsgid "{n}"\nmsgstr "{n}"\n' for n in range(99)))

    with ProcessPoolExecutor(8, mp_context=get_context("spawn")) as processes:
        assert list(processes.map(compile_translations, [tmp_path] * 8)) == [[]] * 8

    assert word(tmp_path, "da") == "da"
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"messages.po", "messages.mo"}


def test_a_theme_without_translations_is_no_problem(tmp_path: Path) -> None:
    compile_translations(tmp_path)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ['msgid "x\n', PO.format("x") + 'msgstr "again"\nnonsense\n'])
def test_a_damaged_translation_is_named_and_the_old_one_stays(tmp_path: Path, text: str) -> None:
    po = write(tmp_path, "fr", PO.format("Les images"))
    compile_translations(tmp_path)
    before = po.with_suffix(".mo").read_bytes()
    po.write_text(text)
    os.utime(po, (4_000_000_000, 4_000_000_000))

    with pytest.raises(DownloadCounterError, match=f"The translation {po} is damaged: "):
        compile_translations(tmp_path)

    assert po.with_suffix(".mo").read_bytes() == before
    assert len(list(po.parent.iterdir())) == 2


def test_a_translation_that_cannot_be_written_is_named_with_what_to_do(tmp_path: Path) -> None:
    po = write(tmp_path, "fr", PO.format("Les images"))
    po.with_suffix(".mo").mkdir()
    os.utime(po, (4_000_000_000, 4_000_000_000))

    [said] = compile_translations(tmp_path)

    assert f"{po} cannot be compiled to " in said
    assert "install" in said
    assert [path.name for path in po.parent.iterdir() if path.is_file()] == ["messages.po"]


def test_a_sites_own_words_go_before_the_themes_and_its_own_language_is_there_too(tmp_path: Path) -> None:
    theme, own = tmp_path / "theme", tmp_path / "local/translations"
    other = '\nmsgid "Site"\nmsgstr "Site"\n'
    write(theme, "fr", PO.format("Les images") + other)
    for language, word_ in (("fr", "Téléchargements"), ("de", "Dateien")):
        write(tmp_path / "local", language, PO.format(word_) + '\nmsgid "Site"\nmsgstr ""\n')

    assert compile_translations(theme, [own]) == []

    assert (word(theme, "fr"), word(theme, "de")) == ("Téléchargements", "Dateien")
    assert gettext.translation("messages", theme / "translations", ["fr"]).gettext("Site") == "Site"


def test_a_change_of_the_sites_own_words_is_compiled(tmp_path: Path) -> None:
    write(tmp_path / "theme", "fr", PO.format("Les images"))
    own = write(tmp_path / "local", "fr", PO.format("Un"))
    compile_translations(tmp_path / "theme", [tmp_path / "local/translations"])
    own.write_text(PO.format("Deux"))
    os.utime(own, (4_000_000_000, 4_000_000_000))

    compile_translations(tmp_path / "theme", [tmp_path / "local/translations"])

    assert word(tmp_path / "theme", "fr") == "Deux"
