"""Fresh Debian machines: roots made by debootstrap, each test's changes in a layer of its own.

A command runs in namespaces of its own, in which the root is mounted; they end with it, and nothing stays mounted.
"""

import os
import shutil
import subprocess
from pathlib import Path

from support import CHECKOUT

MIRROR = "http://deb.debian.org/debian"
ROOTS = CHECKOUT / ".demo" / "debian"
# What a server of downloads has before the counter is there.
PACKAGES = "adduser apache2 ca-certificates cron curl git iproute2 logrotate ssl-cert"
NO_SERVICES = "#!/bin/sh\nexit 101\n"  # https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def base(suite: str) -> Path:
    """Make the root of a suite, or take the one that was made before."""
    root = ROOTS / suite
    if (root / "ready").exists():
        return root
    shutil.rmtree(root, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["debootstrap", "--variant=minbase", suite, root, MIRROR], check=True, capture_output=True)
    (root / "usr/sbin/policy-rc.d").write_text(NO_SERVICES)
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    machine = Machine(root, None)
    machine.run(f"apt-get -qq update && apt-get -qq -y --no-install-recommends install {PACKAGES}")
    (root / "ready").touch()
    return root


class Machine:
    """A machine: `root`, and over it the changes in `layer`."""

    def __init__(self, root: Path, layer: Path | None) -> None:
        self._root, self._layer = root, layer
        if layer is not None:
            for name in ("changes", "work", "merged"):
                (layer / name).mkdir(parents=True)

    def path(self, inside: str) -> Path:
        """Where a file that was changed here is, for the test."""
        assert self._layer is not None
        changed = self._layer / "changes" / inside.lstrip("/")
        return changed if changed.exists() else self._root / inside.lstrip("/")

    def write(self, inside: str, content: str) -> None:
        """Write a file."""
        self.run(f"mkdir -p '{Path(inside).parent}' && cat > '{inside}'", content=content)

    def run(self, command: str, *, content: str = "", fails: bool = False, network: bool = True) -> str:
        """Run a shell command as root and return what it prints, errors too; it must succeed, or fail if `fails`.

        Without `network` it has a loopback of its own, on which all ports are free.
        """
        root = self._root
        mounts = ""
        if self._layer is not None:
            layers = f"lowerdir={self._root},upperdir={self._layer}/changes,workdir={self._layer}/work"
            root = self._layer / "merged"
            mounts = f"mount -t overlay overlay -o '{layers}' '{root}' && "
        shutil.copy("/etc/resolv.conf", ROOTS / "resolv.conf")
        mounts += (
            f"mount -t proc proc '{root}/proc' && mount --rbind /dev '{root}/dev' && "
            f"touch '{root}/etc/resolv.conf' && mount --bind '{ROOTS}/resolv.conf' '{root}/etc/resolv.conf' && "
        )
        if not network:
            mounts += "ip link set lo up && "
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_CERT", "PIP_INDEX"))}
        if "PIP_CERT" in kept:  # a network that looks into TLS, with a certificate of its own
            shutil.copy(kept["PIP_CERT"], ROOTS / "certificates")
            mounts += f"touch '{root}/etc/pip-certificates' && "
            mounts += f"mount --bind '{ROOTS}/certificates' '{root}/etc/pip-certificates' && "
            kept["PIP_CERT"] = "/etc/pip-certificates"
        environment = {"PATH": PATH, "HOME": "/root", "LANG": "C", "DEBIAN_FRONTEND": "noninteractive", **kept}
        done = subprocess.run(
            [
                *("unshare", "--mount", "--pid", "--fork", "--kill-child", *([] if network else ["--net"])),
                *("sh", "-c", f'{mounts} exec chroot "{root}" bash -e -o pipefail -c "$1"', "sh", command),
            ],
            env=environment,
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) == fails, f"{command}\n{done.stdout}"
        return done.stdout
