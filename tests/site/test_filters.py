"""Numbers, sizes, dates and names as each language writes them, and nothing that could do harm."""

from datetime import UTC, date, datetime

import pytest

from download_counter.errors import printable
from download_counter.site.filters import brief, clean, filters, languagename

DAY = date(2026, 5, 7)


def shown(name: str, value: object, language: str) -> str:
    """What a filter makes of a value, with plain blanks."""
    text = filters(language, "Europe/Paris")[name](value)
    assert isinstance(text, str)
    return text.replace("\xa0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("size", "french", "english"),
    [
        (0, "0 o", "0 byte"),
        (1, "1 o", "1 byte"),
        (999, "999 o", "999 byte"),
        (1000, "1 ko", "1 kB"),
        (1_500, "1,5 ko", "1.5 kB"),
        (99_949, "99,9 ko", "99.9 kB"),
        (999_400, "999 ko", "999 kB"),
        (999_500, "1 Mo", "1 MB"),
        (700_000_000, "700 Mo", "700 MB"),
        (1_400_000_000, "1,4 Go", "1.4 GB"),
        (4_700_000_000_000, "4,7 To", "4.7 TB"),
        (10**18, "1 000 Po", "1,000 PB"),
    ],
)
def test_sizes(size: int, french: str, english: str) -> None:
    assert (shown("filesize", size, "fr"), shown("filesize", size, "en")) == (french, english)


@pytest.mark.parametrize(
    ("name", "value", "french", "english"),
    [
        ("number", 1234567, "1 234 567", "1,234,567"),
        ("percent", 0.821, "82 %", "82%"),
        ("percent", -0.12, "-12 %", "-12%"),
        ("smallpercent", 0.0004, "0,04 %", "0.04%"),
        ("smallpercent", 0.5, "50 %", "50%"),
        ("smallpercent", 1e-9, "< 0,01 %", "< 0.01%"),
        ("countryname", "DE", "Allemagne", "Germany"),
        ("countryname", "??", "??", "??"),
        ("longdate", DAY, "7 mai 2026", "May 7, 2026"),
        ("longdate", date(2026, 5, 1), "1er mai 2026", "May 1, 2026"),
        ("longdate", date(2026, 5, 11), "11 mai 2026", "May 11, 2026"),
        ("shortdate", DAY, "07/05/2026", "5/7/26"),
        ("monthname", DAY, "mai 2026", "May 2026"),
        ("shortmonth", DAY, "mai", "May"),
        ("shortday", DAY, "7 mai", "May 7"),
        ("shortday", date(2026, 5, 1), "1er mai", "May 1"),
        ("isodate", DAY, "2026-05-07", "2026-05-07"),
        # Midnight in Paris has passed; and what was said is "1er", by the day shown.
        ("longdate", datetime(2026, 4, 30, 22, 30, tzinfo=UTC), "1er mai 2026", "May 1, 2026"),
        ("shorttime", datetime(2026, 5, 7, 22, 30, tzinfo=UTC), "0 h 30", "12:30 AM"),
    ],
)
def test_numbers_and_dates(name: str, value: object, french: str, english: str) -> None:
    assert (shown(name, value, "fr"), shown(name, value, "en")) == (french, english)


@pytest.mark.parametrize("language", ["tlh", "", "x"])
def test_a_language_that_nobody_knows_is_shown_as_english(language: str) -> None:
    assert shown("longdate", DAY, language) == "May 7, 2026"


def test_a_language_with_a_region_is_known() -> None:
    assert shown("longdate", DAY, "pt-br") == "7 de maio de 2026"
    assert shown("longdate", DAY, "pt_BR") == "7 de maio de 2026"


@pytest.mark.parametrize(
    ("language", "name"), [("fr", "Français"), ("en", "English"), ("de", "Deutsch"), ("tlh", "Tlh")]
)
def test_a_language_is_called_as_it_calls_itself(language: str, name: str) -> None:
    assert languagename(language) == name


@pytest.mark.parametrize(
    ("name", "fit"),
    [
        ("café 100%.iso", "café 100%.iso"),
        ("\udcff.iso", "\ufffd.iso"),
        ("gpj\u202eosi.iso", "gpj\\u202eosi.iso"),
        ("a\nb\tc\x7f.iso", "a\\u000ab\\u0009c\\u007f.iso"),
        ("a\u200bb\u2028c.iso", "a\\u200bb\\u2028c.iso"),
        ("💿.iso", "💿.iso"),
        ("<b>.iso", "<b>.iso"),
    ],
)
def test_a_name_is_fit_to_be_shown(name: str, fit: str) -> None:
    assert printable(name) == fit


def test_a_long_name_is_shortened_in_the_middle_and_stays_fit_to_be_shown() -> None:
    assert brief("a.iso") == "a.iso"
    assert brief("a" * 200 + ".iso", 20) == "aaaaaaaaaa…aaaaa.iso"
    assert len(brief("\x1b" * 5000)) == 100


@pytest.mark.parametrize(
    ("html", "cleaned"),
    [
        ("<p>Hello <em>you</em></p>", "<p>Hello <em>you</em></p>"),
        ('<p class="note" lang="en">x</p>', '<p class="note" lang="en">x</p>'),
        ("<script>alert(1)</script>x", "x"),
        ('<p onclick="x()" style="color:red">y</p>', "<p>y</p>"),
        ('<a href="javascript:x()">y</a>', '<a rel="noopener noreferrer">y</a>'),
        ('<img src="x.png" onerror="x()">', '<img src="x.png">'),
        ("<iframe src='//x'></iframe>", ""),
    ],
)
def test_html_is_cleaned_of_what_could_do_harm(html: str, cleaned: str) -> None:
    assert str(clean(html)) == cleaned
    assert clean(html).__html__() == cleaned


def test_links_that_lead_somewhere_stay() -> None:
    for address in ("https://x.example/", "mailto:x@x.example", "magnet:?xt=urn:btih:1", "a.iso", "#top"):
        assert f'href="{address}"' in clean(f'<a href="{address}">x</a>')
