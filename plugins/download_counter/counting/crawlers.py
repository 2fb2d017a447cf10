"""Which user agents are crawlers'."""

import re
from collections.abc import Callable


def crawler_test() -> Callable[[bytes], bool]:
    """Return a function that says whether a user agent, as logged, is a known crawler's.

    The patterns are those of the crawler-user-agents package, but for its "http-library": curl
    and wget are what people fetch images with.
    """
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA  # 0.1 s that most sites need not pay

    patterns = (
        crawler["pattern"] for crawler in CRAWLER_USER_AGENTS_DATA if "http-library" not in crawler.get("tags", ())
    )
    pattern = re.compile("|".join(f"(?:{one})" for one in patterns))

    def is_crawler(agent: bytes) -> bool:
        return bool(agent and pattern.search(agent.decode("utf-8", "replace")))

    return is_crawler
