"""Which user agents are crawlers'."""

import re
import sys

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from download_counter.counting.crawlers import crawler_test
from download_counter.errors import DownloadCounterError

PATTERNS = [one["pattern"] for one in CRAWLER_USER_AGENTS_DATA if "http-library" not in one.get("tags", ())]
ALL = re.compile("|".join(f"(?:{pattern})" for pattern in PATTERNS))


def test_every_agent_that_the_list_gives_as_an_example_is_told_as_its_patterns_tell_it() -> None:
    is_crawler = crawler_test()
    agents = [agent for one in CRAWLER_USER_AGENTS_DATA for agent in one.get("instances", ())]
    agents += ["Wget/1.21.3", "curl/8.5.0", "-", "", "bot", "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Firefox/115.0"]

    assert len(agents) > 1000
    wrong = [agent for agent in agents if is_crawler(agent.encode()) != bool(ALL.search(agent))]
    assert wrong == []


def test_an_agent_that_is_not_utf_8_is_told_as_well() -> None:
    assert crawler_test()(b"\xff Googlebot/2.1 \xff")


@pytest.mark.parametrize("package", ["re2", "crawleruseragents"])
def test_a_package_that_is_not_there_is_named_with_the_command_that_installs_it(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(DownloadCounterError, match="pip install crawler-user-agents google-re2"):
        crawler_test()
