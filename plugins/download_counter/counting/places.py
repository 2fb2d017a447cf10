"""Country and network of a client."""

from collections.abc import Callable

from ..errors import DownloadCounterError


def places(country_file: str, network_file: str) -> Callable[[bytes], tuple[str, bool]]:
    """Return a function from a client to its country and whether it is in a data centre.

    Raises:
        DownloadCounterError: a database cannot be read.
    """
    raise DownloadCounterError(f"{country_file or network_file} cannot be read.")
