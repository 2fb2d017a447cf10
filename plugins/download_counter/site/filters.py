"""How the theme shows numbers, sizes, dates and names: Jinja filters, by language."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import nh3
from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_decimal, format_percent
from babel.units import format_unit
from markupsafe import Markup, escape

from ..errors import printable
from .charts import sparkline
from .commands import check_commands, powershell, sh, verify_command

# Decimal units, as the makers of disks and sticks count, and as browsers show downloads.
_UNITS = ("byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte")

_ATTRIBUTES = {
    **nh3.ALLOWED_ATTRIBUTES,
    "*": {"class", "id", "lang", "dir", "title"},
}


# What XML 1.0 (section 2.2), and so a feed, cannot hold.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def clean(html: str) -> Markup:
    """Return HTML without what could do harm: scripts, handlers, styles, control characters, strange addresses."""
    text = _NO_TEXT.sub("", html)
    cleaned = nh3.clean(text, attributes=_ATTRIBUTES, url_schemes={"http", "https", "mailto", "magnet"})
    return Markup(cleaned)  # noqa: S704  (this is where it becomes safe)


def saved(name: str, stand_in: str) -> str:
    """Return the name that a download has on the visitor's disk: browsers change one that cannot be shown."""
    return name if printable(name) == name else stand_in


def brief(name: str, longest: int = 100) -> str:
    """Return a name fit to be shown in a table: as `printable`, and in the middle of a long one `…`."""
    shown = printable(name)
    return shown if len(shown) <= longest else f"{shown[: longest // 2]}…{shown[1 - longest // 2 :]}"


def fill(html: str, words: Mapping[str, str]) -> Markup:
    """Put words, escaped, in the place of their names in braces: "{image}"."""
    for name, word in words.items():
        html = html.replace(f"{{{name}}}", escape(word))
    return Markup(html)  # noqa: S704  (the rest is what it was)


def headings(html: str) -> list[tuple[str, str]]:
    """Return the id and the text of each heading of the second level that has an id."""
    found = re.findall(r'<h2[^>]*\bid="([^"]+)"[^>]*>(.*?)</h2>', html, re.DOTALL)
    return [(name, Markup(text).striptags()) for name, text in found]  # noqa: S704  (only to take the tags out)


def ogp_locale(language: str) -> str:
    """Return a language with the country where most speak it: "fr" -> "fr_FR"."""
    likely = str(get_global("likely_subtags").get(language.replace("-", "_"), language)).split("_")
    return f"{likely[0]}_{likely[-1]}" if len(likely) > 1 else language


def languagename(language: str) -> str:
    """Return the name of a language in that language: "fr" -> "Français"."""
    locale = _locale(language)
    name = str(locale.get_display_name() if locale else language)
    return name[:1].upper() + name[1:]


def _locale(language: str) -> Locale | None:
    """Babel's locale of a language such as "fr" or "pt-br"; None if it knows none."""
    try:
        return Locale.parse(language, sep="-" if "-" in language else "_")
    except (UnknownLocaleError, ValueError):
        return None


def filters(language: str, zone: str) -> dict[str, Callable[..., Any]]:
    """Return the filters of a site. A language that Babel does not know is English; `zone` is an IANA name."""
    locale = _locale(language) or Locale("en")
    here = ZoneInfo(zone)

    def day(value: date) -> date:
        return value.astimezone(here).date() if isinstance(value, datetime) else value

    def with_first(text: str, value: date) -> str:
        """1 mai -> 1er mai: CLDR's patterns have no ordinal, which French needs on the first."""
        return "1er" + text[1:] if locale.language == "fr" and day(value).day == 1 else text

    def clock(value: datetime) -> str:
        """02:50 -> 2 h 50, as French writes it; the time as usual elsewhere."""
        if locale.language == "fr":
            return f"{value.astimezone(here):%-H\u00a0h\u00a0%M}"
        return str(format_time(value, "short", tzinfo=here, locale=locale))

    def smallpercent(part: float) -> str:
        """A percentage that may be far below one: 0.0004 -> 0.04%."""
        least = 0.0001
        pattern = locale.percent_formats[None].pattern.replace("0", "0.##", 1)
        shown = format_percent(max(part, least), pattern, locale=locale)
        return f"< {shown}" if 0 < part < least else str(shown)

    def filesize(size: float) -> str:
        """1400000000 -> 1,4 Go."""
        unit = 0
        while size >= 999.5 and unit < len(_UNITS) - 1:
            size, unit = size / 1000, unit + 1
        shown = round(size) if size >= 100 or unit == 0 else round(size, 1)
        return format_unit(shown, f"digital-{_UNITS[unit]}", "short", locale=locale)

    return {
        "filesize": filesize,
        "number": lru_cache(1 << 12)(lambda value: format_decimal(value, locale=locale)),
        "smallpercent": smallpercent,
        "percent": lru_cache(1 << 12)(lambda value: format_percent(value, locale=locale)),
        "longdate": lambda value: with_first(format_date(day(value), "long", locale=locale), value),
        "shortdate": lambda value: format_date(day(value), "short", locale=locale),
        "shorttime": clock,
        "mediumdate": lambda value: with_first(format_date(day(value), "medium", locale=locale), value),
        "monthname": lambda value: format_date(day(value), "LLLL y", locale=locale),
        "shortmonth": lru_cache(1 << 10)(lambda value: format_date(day(value), "LLL", locale=locale)),
        "shortday": lambda value: with_first(format_skeleton("MMMd", day(value), locale=locale), value),
        "isodate": lambda value: value.isoformat(),
        "languagename": languagename,
        "printable": printable,
        "brief": brief,
        "countryname": lambda code: locale.territories.get(code, code),
        "sparkline": sparkline,
        "saved": saved,
        "clean": clean,
        "fill": fill,
        "headings": headings,
        "ogp_locale": ogp_locale,
        "urlpath": lambda address: urlsplit(address).path.rstrip("/") + "/",
        "check_commands": check_commands,
        "verify_command": verify_command,
        "sh": sh,
        "powershell": powershell,
    }
