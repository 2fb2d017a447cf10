"""DOWNLOAD_COUNTER is checked, and what is wrong in it is named."""

from pathlib import Path
from typing import Any

import pytest

from download_counter.errors import DownloadCounterError
from download_counter.settings import check

GOOD = {"web_root": "/srv/images", "logs": "/var/log/access.log*"}


def test_a_web_root_and_logs_are_enough() -> None:
    settings = check(GOOD)

    assert settings.web_root == Path("/srv/images")
    assert settings.logs == ("/var/log/access.log*",)
    assert settings.log_format == "combined"
    assert settings.extensions == (".iso",)
    assert settings.companions == (
        ".md5", ".sha1", ".sha256", ".sha512", ".asc", ".sig", ".torrent", ".zsync", ".meta4",
    )  # fmt: skip
    assert (settings.methods, settings.statuses) == (("GET", "HEAD"), (200, 206))
    assert (settings.crawlers, settings.fold_ipv4, settings.fold_ipv6, settings.show_counts) == (
        False, None, None, False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("logs", "globs"),
    [
        ("/var/log/a*", ("/var/log/a*",)),
        ("  /var/log/a*   /mirror/b*\n", ("/var/log/a*", "/mirror/b*")),
        ("'/var/log/my site/a*' b*", ("/var/log/my site/a*", "b*")),
        (r"/var/log/my\ site/a*", ("/var/log/my site/a*",)),
        (["/var/log/my site/a*", "b*"], ("/var/log/my site/a*", "b*")),
    ],
)
def test_logs_are_globs_with_blanks_between(logs: object, globs: tuple[str, ...]) -> None:
    assert check({**GOOD, "logs": logs}).logs == globs


def test_endings_are_taken_in_any_case() -> None:
    settings = check({**GOOD, "extensions": [".ISO", ".Img"], "companions": (".SHA256",)})

    assert (settings.extensions, settings.companions) == ((".iso", ".img"), (".sha256",))


def test_a_site_may_do_without_companions() -> None:
    assert check({**GOOD, "companions": []}).companions == ()


def test_the_home_folder_may_be_written_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/admin")

    assert check({**GOOD, "web_root": "~/www"}).web_root == Path("/home/admin/www")
    assert check({**GOOD, "web_root": Path("/srv")}).web_root == Path("/srv")


@pytest.mark.parametrize(
    ("key", "value", "may_be"),
    [
        ("web_root", "", "the path of a folder"),
        ("web_root", None, "the path of a folder"),
        ("logs", "", "globs of access logs"),
        ("logs", "   ", "globs of access logs"),
        ("logs", "/var/log/'a*", "globs of access logs"),
        ("logs", [], "globs of access logs"),
        ("logs", ["", "a*"], "globs of access logs"),
        ("logs", [1], "globs of access logs"),
        ("logs", None, "globs of access logs"),
        ("log_format", "", "a text that is not empty"),
        ("log_format", None, "a text that is not empty"),
        ("client", None, "a text"),
        ("extensions", ".iso", 'a list of endings such as [".iso"]'),
        ("extensions", [], "a list of endings"),
        ("extensions", ["iso"], "a list of endings"),
        ("extensions", ["."], "a list of endings"),
        ("extensions", ["./iso"], "a list of endings"),
        ("extensions", [1], "a list of endings"),
        ("companions", ".md5", "a list of endings"),
        ("companions", None, "a list of endings"),
        ("methods", "GET", "a list of request methods"),
        ("methods", [], "a list of request methods"),
        ("methods", ["GET /"], "a list of request methods"),
        ("methods", [1], "a list of request methods"),
        ("statuses", 200, "a list of HTTP status codes"),
        ("statuses", [], "a list of HTTP status codes"),
        ("statuses", ["200"], "a list of HTTP status codes"),
        ("statuses", [True], "a list of HTTP status codes"),
        ("statuses", [99], "a list of HTTP status codes"),
        ("statuses", [600], "a list of HTTP status codes"),
        ("bytes_sent", "%O", '"auto", "wire" (%O) or "body" (%b)'),
        ("crawlers", "no", "True or False"),
        ("crawlers", 1, "True or False"),
        ("fold_ipv4", 0, "None or a prefix length from 1 to 32"),
        ("fold_ipv4", 33, "None or a prefix length from 1 to 32"),
        ("fold_ipv4", True, "None or a prefix length from 1 to 32"),
        ("fold_ipv6", 129, "None or a prefix length from 1 to 128"),
        ("fold_ipv6", "64", "None or a prefix length from 1 to 128"),
        ("names", ["(?P<series>"], "a list of regular expressions"),
        ("names", ["noble"], "with a group named series, version or arch"),
        ("names", ["(?P<colour>.)"], "with a group named series, version or arch"),
        ("names", [7], "a list of regular expressions"),
        ("aliases", ["a.iso"], "a dict from a file's name before to its name now"),
        ("aliases", {"a.iso": ""}, "a dict from a file's name before to its name now"),
        ("notes", "", "a text that is not empty"),
        ("show_counts", None, "True or False"),
        ("scheduler", "", "a text that is not empty"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_may_be(key: str, value: object, may_be: str) -> None:
    with pytest.raises(DownloadCounterError) as caught:
        check({**GOOD, key: value})

    assert f"DOWNLOAD_COUNTER[{key!r}] is {value!r}, but must be" in str(caught.value)
    assert may_be in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bytes_sent", "wire"),
        ("bytes_sent", "body"),
        ("fold_ipv4", 24),
        ("fold_ipv6", 64),
        ("client", "%{X-Forwarded-For}i"),
        ("scheduler", "tcp://10.0.0.1:8786"),
        ("scheduler", None),
        ("crawlers", True),
        ("statuses", (200,)),
        ("methods", ("GET",)),
        ("names", ("-(?P<version>[0-9]+)",)),
    ],
)
def test_a_good_value_is_taken(key: str, value: object) -> None:
    assert getattr(check({**GOOD, key: value}), key) == value


def test_an_unknown_key_is_named_with_those_there_are() -> None:
    with pytest.raises(DownloadCounterError, match=r"no key 'log_fromat'. It may have: web_root, logs, log_format, "):
        check({**GOOD, "log_fromat": "common"})


@pytest.mark.parametrize("key", ["web_root", "logs"])
def test_what_is_missing_is_named_with_what_it_is(key: str) -> None:
    settings: dict[str, Any] = {name: value for name, value in GOOD.items() if name != key}

    with pytest.raises(DownloadCounterError, match=rf"lacks '{key}', (the folder that|globs of its) "):
        check(settings)


@pytest.mark.parametrize("raw", [None, "logs", ["logs"]])
def test_what_is_no_dict_is_refused(raw: Any) -> None:
    with pytest.raises(DownloadCounterError, match=f"must be a dict, not {type(raw).__name__}"):
        check(raw)
