"""Logs on other machines, and other machines' processors: a real SFTP server, a real Dask cluster."""

import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from accesslog import Line
from download_counter.errors import DownloadCounterError
from download_counter.history.store import load
from download_counter.ingest import ingest
from download_counter.logs.files import NoLogs, find
from download_counter.settings import check

fsspec = pytest.importorskip("fsspec", reason="the extra `cluster` is not installed")

# What Dask, paramiko and fsspec warn of is theirs.
pytestmark = pytest.mark.filterwarnings("default")

ANNA, BEN, CARO = "192.0.2.1", "2001:db8::2", "192.0.2.3"


def lines(*clients: str, size: int = 1000) -> bytes:
    return b"".join(Line(client=client, size=size).encode() for client in clients)


def counted(web_root: Path, *logs: str, scheduler: str | None = None) -> dict[str, dict[str, int]]:
    """What counts.json says after these logs."""
    ingest(check({"web_root": web_root, "logs": logs, "scheduler": scheduler}), {"a.iso": 2000})
    counts: dict[str, dict[str, int]] = json.loads((web_root / ".stats" / "counts.json").read_text())
    return counts


def finished(web_root: Path) -> int:
    return sum(record.files["a.iso"].finished or 0 for record in load(web_root).days.values())


@pytest.fixture
def web_root(tmp_path: Path) -> Path:
    root = tmp_path / "web-root"
    root.mkdir()
    return root


@pytest.fixture
def memory() -> Iterator[Path]:
    """Files that fsspec keeps in memory: like any other machine's, but they cannot be missing."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


def test_one_client_on_two_mirrors_is_one_download(memory: object, web_root: Path) -> None:
    memory.pipe("/one/access.log", lines(ANNA, BEN))  # type: ignore[attr-defined]
    memory.pipe("/two/access.log.1", gzip.compress(lines(ANNA, CARO)))  # type: ignore[attr-defined]

    assert counted(web_root, "memory://one/access.log*", "memory://two/access.log*") == {"a.iso": {"2026-05": 3}}
    assert finished(web_root) == 1  # half from each mirror


def test_a_mirror_that_does_not_answer_is_named_without_its_password_and_the_others_count(
    tmp_path: Path, web_root: Path
) -> None:
    (tmp_path / "access.log").write_bytes(lines(ANNA))
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"sftp://anna:secret@127.0.0.1:{nobody.getsockname()[1]}/var/log/access.log*"
        settings = check({"web_root": web_root, "logs": [str(tmp_path / "access.log"), address]})

        outcome = ingest(settings, {})

        assert outcome.history.counts == {"a.iso": {"2026-05": 1}}
        (warning,) = outcome.warnings
        assert "127.0.0.1" in warning
        assert "cannot be listed" in warning
        assert "secret" not in warning
        with pytest.raises(NoLogs) as error:
            find([address])
        assert "secret" not in str(error.value)


def test_an_unknown_protocol_is_an_error_that_names_it(web_root: Path) -> None:
    with pytest.raises(DownloadCounterError, match="gopher://host/access"):
        counted(web_root, "gopher://host/access.log")


# --- a real SFTP server -----------------------------------------------------------------------------------------------


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of OpenSSH's server on loopback, which lets this user in by a key."""
    pytest.importorskip("paramiko")
    server, keygen = shutil.which("sshd", path="/usr/sbin:/usr/bin"), shutil.which("ssh-keygen")
    if not server or not keygen:
        pytest.skip("openssh-server is not installed")
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    for key in (tmp_path / "host_key", home / ".ssh" / "id_ed25519"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    monkeypatch.setenv("HOME", str(home))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration = tmp_path / "sshd_config"
    configuration.write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {tmp_path / 'host_key'}\nPidFile none\n"
        f"AuthorizedKeysFile {home / '.ssh' / 'id_ed25519.pub'}\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where it locks itself up
    process = subprocess.Popen([server, "-D", "-e", "-f", configuration], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        yield f"sftp://{user}@127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def test_logs_are_read_from_an_sftp_server_and_only_once(mirror: str, tmp_path: Path, web_root: Path) -> None:
    logs = tmp_path / "var log"
    logs.mkdir()
    (logs / "access.log").write_bytes(lines(ANNA))
    (logs / "access.log.1.gz").write_bytes(gzip.compress(lines(BEN, CARO)))
    address = f"{mirror}{tmp_path}/var log/access.log*"

    assert counted(web_root, address) == {"a.iso": {"2026-05": 3}}
    assert ingest(check({"web_root": web_root, "logs": [address]}), {}).read is None
    names = [log.name for log in load(web_root).logs]
    assert all(name.startswith("sftp://127.0.0.1:") for name in names), "no user name"

    (logs / "access.log").write_bytes(lines(ANNA, "192.0.2.9"))
    assert counted(web_root, address) == {"a.iso": {"2026-05": 4}}


# --- a real Dask cluster ----------------------------------------------------------------------------------------------


@pytest.fixture
def scheduler() -> Iterator[str]:
    """The address of a scheduler with two worker processes on loopback."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


def test_a_cluster_counts_as_this_machine_does(scheduler: str, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for number in range(6):
        clients = [f"192.0.2.{n}" for n in range(number, number + 20)]
        (logs / f"access.log.{number}.gz").write_bytes(gzip.compress(lines(*clients)))
    pattern = str(logs / "access.log*")
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()

    assert counted(there, pattern, scheduler=scheduler) == counted(here, pattern) == {"a.iso": {"2026-05": 25}}
    assert finished(there) == finished(here) > 0


def test_a_cluster_reads_logs_of_two_hosts_and_one_client_of_both_is_one_download(
    mirror: str, scheduler: str, tmp_path: Path, web_root: Path
) -> None:
    (tmp_path / "access.log").write_bytes(lines(ANNA, BEN))
    (tmp_path / "here.log").write_bytes(lines(ANNA, CARO))
    addresses = [f"{mirror}{tmp_path}/access.log", str(tmp_path / "here.log")]

    outcome = ingest(check({"web_root": web_root, "logs": addresses, "scheduler": scheduler}), {"a.iso": 2000})

    assert outcome.warnings == ()
    assert outcome.history.counts == {"a.iso": {"2026-05": 3}}
    assert finished(web_root) == 1


def test_a_scheduler_that_does_not_answer_is_an_error_and_changes_nothing(tmp_path: Path, web_root: Path) -> None:
    dask = pytest.importorskip("dask")
    pytest.importorskip("distributed")
    (tmp_path / "access.log").write_bytes(lines(ANNA))
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"

        with (
            dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
            pytest.raises(DownloadCounterError, match=f"{address} does not answer"),
        ):
            counted(web_root, str(tmp_path / "access.log"), scheduler=address)

    assert not (web_root / ".stats" / "counts.json").exists()
