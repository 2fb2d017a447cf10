"""Who counts: this machine, or a Dask cluster, where what was read stays on the workers, and only numbers come back."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from operator import itemgetter
from typing import Any

from ..errors import DownloadCounterError
from ..history.day import Counts, Record
from ..logs.files import Log
from ..settings import Rule
from .clients import Clients, Share, pack
from .days import Found, Gathered, Sizes, records, work_out
from .workers import Reading, Workers, read_log


class _Cluster(Workers):
    """The workers of a cluster. The clients are worked on in as many shares as it has threads."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def read(self, logs: Sequence[Log], rule: Rule) -> Iterator[Reading]:
        from distributed import as_completed

        if any(isinstance(log.path, str) and log.path.startswith("memory://") for log in logs):
            raise DownloadCounterError(
                "memory:// is an address in this process only: the workers of a cluster cannot read logs there."
            )
        submit = self._client.submit
        clients: dict[str, Any] = {}
        waiting = []
        for log in logs:
            # Not pure: the same log read again may have more in it.
            both = submit(read_log, log, rule, pure=False)
            reading = submit(itemgetter(0), both, pure=False)
            clients[reading.key] = submit(itemgetter(1), both, pure=False)
            waiting.append(reading)
        for future, reading in as_completed(waiting, loop=self._client.loop, with_results=True):  # type: ignore[no-untyped-call,unused-ignore]
            reading.clients = clients.pop(future.key)
            yield reading

    def work_out(self, readings: Sequence[Reading], rule: Rule, sizes: Sizes, *, sized: bool) -> dict[str, Record]:
        submit = self._client.submit
        number = max(1, sum(self._client.nthreads().values()))
        jobs = []
        for share in range(number):
            mine = [submit(_share_of, reading.clients, (share, number), pure=False) for reading in readings]
            jobs.append(submit(_work_out_share, mine, rule, sizes, sized, pure=False))
        found: list[Found] = []
        missing: list[dict[str, Counts]] = []
        for some, not_found in self._client.gather(jobs):
            found += some
            missing.append(not_found)
        return records(found, missing)


def _share_of(clients: Iterable[Clients], share: Share) -> list[Clients]:
    mine = []
    for one in clients:
        names, sent, agents = one.unpacked(share)
        heads = 0 if share[0] else one.heads
        if names or heads:
            mine.append(pack(one.key, b"".join(name + b"\n" for name in names), sent, agents, heads))
    return mine


def _work_out_share(
    clients: Iterable[list[Clients]], rule: Rule, sizes: Sizes, sized: bool
) -> tuple[list[Found], dict[str, Counts]]:
    gathered = Gathered(chain.from_iterable(clients), rule)
    calls = gathered.calls(sizes, sized=sized)
    return [found for call in calls for found in work_out(*call)], gathered.missing()


@contextmanager
def workers(scheduler: str | None) -> Iterator[Workers]:
    """Give the workers: the processes of this machine, or those of the cluster of this scheduler.

    Those of a cluster import this package under the name it has here, and open the logs by the paths and addresses
    that this machine knows them by.

    Raises:
        DownloadCounterError: Dask is not installed, the scheduler does not answer, or the
            cluster went away or lost its workers. Nothing was changed.
    """
    if scheduler is None:
        yield Workers()
        return
    try:
        from concurrent.futures import CancelledError

        from distributed import Client, KilledWorker
    except ImportError as error:
        raise DownloadCounterError(
            "DOWNLOAD_COUNTER['scheduler'] needs Dask: pip install 'pelican-download-counter[cluster]'."
        ) from error
    try:
        with Client(scheduler, set_as_default=False) as client:  # type: ignore[no-untyped-call,unused-ignore]
            yield _Cluster(client)
    except (OSError, KilledWorker, CancelledError) as error:
        raise DownloadCounterError(
            f"The Dask cluster of {scheduler} does not answer, or lost a worker at its work: "
            f"{str(error) or error.__class__.__name__}. Nothing was changed; run again."
        ) from error
