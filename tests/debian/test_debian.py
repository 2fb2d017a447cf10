"""What README says, done as it stands on fresh Debian machines: `make debian`.

From the old script, fresh as another project, an upgrade with a site of its own, and an upgrade of the distribution.
Each ends with pages that a real Apache serves and with a silent night.
"""

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from debian.machine import Machine, base
from support import CHECKOUT, find_program, open_folder

pytestmark = [
    pytest.mark.skipif("DEBIAN" not in os.environ, reason="takes minutes and the network: make debian"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(find_program("debootstrap") is None, reason="install debootstrap"),
]

PROGRAM, WEB_ROOT = "/opt/download_stats", "/var/www/file-server"
LOG = "/var/log/apache2/downloads-ssl-access.log"
ISO = "bento-openbox-noble-24.04-amd64.iso"
# The last version that kept no list of its files, and had no local/.
FIRST_VERSION = "85d4f142b7"

README = (CHECKOUT / "README.md").read_text()


def block(of: str) -> str:
    """The first shell block of README below a heading."""
    found = re.search(rf"^#+ {re.escape(of)}$.*?^```bash.*?\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert found, of
    # There is nobody to ask.
    return found[1].replace("apt install", "apt-get -qq -y install")


CRON = re.search(r"^```crontab\n0 1 \* \* \* (.*)\n```$", README, re.MULTILINE)
assert CRON
JOB = CRON[1]


@pytest.fixture(params=["bookworm", "trixie"])
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A server as it was before: Apache, an image, two days of logs."""
    with open_folder() as folder:
        machine = Machine(base(request.param), folder)
        machine.run(f"mkdir -p {WEB_ROOT} && truncate -s 1000000 {WEB_ROOT}/{ISO}")
        machine.write(LOG, log_of(1))
        machine.write(f"{LOG}.1", log_of(2))
        machine.run(f"chmod 640 {LOG}* && chgrp adm {LOG}* /var/log/apache2 && chmod 750 /var/log/apache2")
        yield machine


def log_of(days_ago: int) -> str:
    day = datetime.now(UTC) - timedelta(days=days_ago)
    return f'192.0.2.1 - - [{day:%d/%b/%Y:10:00:00 +0000}] "GET /{ISO} HTTP/1.1" 200 1000300 "-" "Wget/1.24.5"\n'


def put_checkout(machine: Machine, version: str = "") -> None:
    """Put this checkout into its place, with what is not committed yet; or an older version of it."""
    if version:
        files = subprocess.run(["git", "-C", CHECKOUT, "archive", version], capture_output=True, check=False).stdout
        if not files:
            pytest.skip(f"this checkout has no commit {version}")
    else:
        listed = subprocess.run(
            ["git", "-C", CHECKOUT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True,
            check=True,
        ).stdout.decode()
        names = [name for name in listed.split("\0") if name and (CHECKOUT / name).exists()]
        files = subprocess.run(["tar", "-cC", CHECKOUT, *names], capture_output=True, check=True).stdout
    place = machine.path("/") / "incoming.tar"
    place.write_bytes(files)
    # As `git pull` does it: the versioned files are those of the version, and others stay.
    machine.run(
        f"""mkdir -p {PROGRAM}; cd {PROGRAM}
        if [ -e /versioned.tar ]; then tar -tf /versioned.tar | grep -v '/$' | tr '\\n' '\\0' | xargs -0 rm -f; fi
        mv /incoming.tar /versioned.tar; tar --no-same-owner -xf /versioned.tar"""
    )


def night(machine: Machine, user: str = "root") -> str:
    """What cron would mail."""
    environment = f"env -i SHELL=/bin/sh PATH=/usr/bin:/bin HOME=/ LOGNAME={user} LANG=C"
    as_user = "" if user == "root" else f"setpriv --reuid={user} --regid={user} --init-groups --no-new-privs "
    return machine.run(f"{as_user}{environment} sh -c {shlex.quote(JOB)} || echo exit code $?")


def served(machine: Machine, *paths: str) -> list[str]:
    """Pages as Debian's Apache serves them with the virtual host of deploy/."""
    get = "\n".join(
        f"curl -sS --insecure --fail --resolve downloads.linuxvillage.org:443:127.0.0.1 "
        f"https://downloads.linuxvillage.org{path}; printf '\\0'"
        for path in paths
    )
    said = machine.run(
        f"""
        cp {PROGRAM}/deploy/apache2/downloads.conf /etc/apache2/sites-available/
        a2enmod -q headers ssl >/dev/null; a2ensite -q downloads >/dev/null
        exec 3>/etc/apache2/conf-enabled/a.conf
        echo 'Define DOWNLOADS_CERTIFICATE /etc/ssl/certs/ssl-cert-snakeoil.pem' >&3
        echo 'Define DOWNLOADS_KEY /etc/ssl/private/ssl-cert-snakeoil.key' >&3
        echo 'ServerName localhost' >&3
        apache2ctl start >/dev/null 2>&1; sleep 1
        {get}
        apache2ctl stop >/dev/null 2>&1
        """,
        network=False,
    )
    return said.split("\0")[: len(paths)]


def counts(machine: Machine) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads(machine.path(f"{WEB_ROOT}/.stats/counts.json").read_text())
    return found


def all_is_well(machine: Machine, user: str = "root") -> None:
    """The night is silent, the doctor has nothing to fix, and the pages are served."""
    assert night(machine, user) == ""
    as_user = "" if user == "root" else f"runuser -u {user} -- "
    assert "FIX" not in machine.run(f"{as_user}make -sC {PROGRAM} doctor")
    front, statistics, image = served(machine, "/", "/.stats/", f"/{ISO} --range 0-9 --output /dev/null")
    assert ISO in front
    assert "noindex" in statistics
    assert image == ""
    assert sum(counts(machine)[ISO].values()) >= 2


def test_from_the_old_script(machine: Machine) -> None:
    machine.write(f"{PROGRAM}/download_stats.py", "# the old script\n")
    machine.write(f"{WEB_ROOT}/.stats/counts.json", json.dumps({ISO: {"2025-03": 7}}))
    machine.write(f"{WEB_ROOT}/.stats/index.html", "<h1>The old script's page</h1>")
    begin = time.monotonic()
    machine.run(re.findall(r"`(mv /opt/\S+ /opt/\S+)`", README)[0])
    put_checkout(machine)
    *set_up, run, doctor = block("Install it on a Debian server").splitlines()
    machine.run("\n".join(set_up))
    said = machine.run(run, fails=True)
    assert "did not write" in said
    machine.run(re.findall(r"^.*(cd .* done)$", said, re.MULTILINE)[0])
    machine.run(run)
    machine.run(doctor)
    # Some 20 s on a machine of its own; tests share it with others.
    assert time.monotonic() - begin < 180
    all_is_well(machine)
    assert counts(machine)[ISO]["2025-03"] == 7
    assert machine.path(f"{WEB_ROOT}/.stats/index.html.before").exists()


def test_fresh_as_another_project_with_a_user_of_its_own(machine: Machine) -> None:
    other = "/var/log/apache2/mirror-access.log"
    machine.run(f"mv {LOG} {other} && mv {LOG}.1 {other}.1 && mkdir {WEB_ROOT}/.stats && chmod 755 {WEB_ROOT}/.stats")
    put_checkout(machine)
    commands = block("A user of its own").splitlines()
    machine.run("\n".join(commands[:-2]))
    said = machine.run(commands[-2], fails=True)
    assert f"No access log matches {LOG}*" in said
    machine.run(f"cd {PROGRAM} && {block('Make it yours')}")
    settings = f"{PROGRAM}/local/settings.py"
    machine.run(
        f"""sed -i -e 's/^# \\(SITENAME\\|SITESUBTITLE\\|AUTHOR\\|SITEURL\\|DEFAULT_LANG\\)/\\1/' {settings}
        echo 'LOGS = "{other}*"' >> {settings}; echo 'I18N_SUBSITES = {{}}' >> {settings}"""
    )
    machine.run(commands[-2])
    said = machine.run(commands[-1])
    assert "FIX" not in said
    assert "SITENAME" not in said
    all_is_well(machine, "download-stats")
    for page in ("/", "/.stats/", "/feeds/images.atom.xml"):
        assert "linuxvillage" not in served(machine, page)[0].lower().replace("linux village", "linuxvillage")


def test_an_upgrade_with_a_site_of_its_own(machine: Machine) -> None:
    put_checkout(machine, FIRST_VERSION)
    machine.run("apt-get -qq -y install make python3-venv")
    machine.run(f"make -sC {PROGRAM} demo && make -sC {PROGRAM} ingest publish")
    before = counts(machine)
    put_checkout(machine)
    pull, install = block("Upgrade").splitlines()
    assert pull.startswith("git ")
    said = night(machine)
    assert f"make -C '{PROGRAM}' install" in said
    machine.run(install)
    assert night(machine) == ""
    assert counts(machine) == before
    machine.run(f"make -sC {PROGRAM} adopt")
    machine.write(f"{PROGRAM}/local/settings.py", 'SITENAME = "Example Linux"\n')
    assert night(machine) == ""
    # The next version asks for other packages.
    machine.run(f"echo '# newer' >> {PROGRAM}/requirements.txt")
    assert f"make -C '{PROGRAM}' install" in night(machine)
    machine.run(install)
    all_is_well(machine)
    assert "Example Linux" in served(machine, "/")[0]


def test_an_upgrade_of_the_distribution() -> None:
    with open_folder() as folder:
        machine = Machine(base("bookworm"), folder)
        machine.run(f"mkdir -p {WEB_ROOT} && truncate -s 1000000 {WEB_ROOT}/{ISO}")
        machine.write(LOG, log_of(1) + log_of(2))
        put_checkout(machine)
        machine.run(block("Install it on a Debian server"))
        assert night(machine) == ""
        machine.run(
            "sed -i s/bookworm/trixie/ /etc/apt/sources.list && apt-get -qq update && "
            "apt-get -qq -y -o Dpkg::Options::=--force-confold full-upgrade"
        )
        assert machine.run("python3 -c 'import sys; print(sys.version_info[:2])'") == "(3, 13)\n"
        assert f"make -C '{PROGRAM}' install" in night(machine)
        machine.run(block("Upgrade").splitlines()[-1])
        all_is_well(machine)
