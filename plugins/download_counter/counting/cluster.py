"""Reading logs on other machines' processors: the workers of a Dask cluster."""

from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager

from ..errors import DownloadCounterError


@contextmanager
def cluster(scheduler: str) -> Iterator[Executor]:
    """Give an executor that runs on the cluster of this scheduler.

    Its workers import this package under the name it has here, and open the logs by the paths
    and addresses that this machine knows them by.

    Raises:
        DownloadCounterError: Dask is not installed, the scheduler does not answer, or the
            cluster went away or lost its workers. Nothing was changed.
    """
    try:
        from distributed import Client, KilledWorker
    except ImportError as error:
        raise DownloadCounterError(
            "DOWNLOAD_COUNTER['scheduler'] needs Dask: pip install 'pelican-download-counter[cluster]'."
        ) from error
    try:
        with Client(scheduler, set_as_default=False) as client:  # type: ignore[no-untyped-call,unused-ignore]
            # Not pure: the same log read again may have more in it.
            yield client.get_executor(pure=False)
    except (OSError, KilledWorker, CancelledError) as error:
        raise DownloadCounterError(
            f"The Dask cluster of {scheduler} does not answer, or lost a worker at its work: "
            f"{str(error) or error.__class__.__name__}. Nothing was changed; run again."
        ) from error
