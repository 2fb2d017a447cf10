"""Which user agents are crawlers'."""

from collections.abc import Callable

from ..errors import DownloadCounterError


def crawler_test() -> Callable[[bytes], bool]:
    """Return a function that says whether a user agent, as logged, is a known crawler's.

    The patterns are those of the crawler-user-agents package, but for its "http-library": curl and wget
    are what people fetch images with. There are some 1,400; RE2 looks for all of them at once.

    Raises:
        DownloadCounterError: a package is not installed.
    """
    try:
        import re2  # these two take 0.1 s, which most sites need not pay
        from crawleruseragents import CRAWLER_USER_AGENTS_DATA
    except ImportError as error:
        raise DownloadCounterError(
            "DOWNLOAD_COUNTER['crawlers'] needs two packages: pip install crawler-user-agents google-re2"
        ) from error
    patterns = [one["pattern"] for one in CRAWLER_USER_AGENTS_DATA if "http-library" not in one.get("tags", ())]
    options = re2.Options()
    options.max_mem = 1 << 26  # bytes; with RE2's own 8 MiB it would forget and start over again and again
    search = re2.compile("|".join(f"(?:{pattern})" for pattern in patterns).encode(), options).search

    def is_crawler(agent: bytes) -> bool:
        return search(agent.decode("utf-8", "replace").encode()) is not None

    return is_crawler
