"""Random lives of servers: whatever happens to their logs, the counter is never wrong.

A life is a list of steps, each with a seed of its own, so that a step does nearly the same when another is left out.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from accesslog import Line
from download_counter.history.store import History, load
from download_counter.ingest import ingest
from download_counter.settings import Settings
from lives.expected import Expected, Run
from lives.servers import PACKINGS, Clock, Habits, Server, lines_in

Step = tuple[str, int]

CLIENTS = ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
FILES = ["a.iso", "b/c.iso", "late.iso"]
OFTEN = 8
BYTES = [1, 150, 299, 300, 400, 400, 500, 500, 600, 600, 999, 1000, 2500]
FIRST_DAYS = [date(2025, 12, 29), date(2026, 2, 26), date(2026, 5, 9), date(2026, 10, 30)]
NOBODY = 65534


class Wrong(AssertionError):
    """The counter knows something else than it must."""


class Life:
    """Some servers, a counter, and what it must know."""

    def __init__(self, folder: Path, seed: int) -> None:
        chance = Random(seed)
        self.folder = folder
        self.clock = Clock(chance.choice(FIRST_DAYS))
        self.web_root = folder / "www"
        self.servers = [
            Server(folder / name, _habits(chance), self.clock) for name in ("one", "two")[: chance.choice([1, 1, 2])]
        ]
        self.sizes = {"a.iso": 1000, "b/c.iso": 300}
        self.expected = Expected()
        self._extensions: tuple[str, ...] = (".iso",)
        self._backups: list[tuple[Server, str, bytes, int]] = []
        self._served = 0
        self._make_web_root(self.web_root)

    def take(self, step: Step) -> None:
        """Let something happen.

        Raises:
            Wrong: the counter is wrong after it.
        """
        name, seed = step
        STEPS[name][1](self, Random(seed))

    def end(self) -> None:
        """Look at the end that a run again changes nothing, and that a counter that begins now is right as well."""
        self.ingest()
        before = load(self.web_root)
        self.ingest()
        after = load(self.web_root)
        if (before.counts, before.days) != (after.counts, after.days):
            raise Wrong("A run again, with nothing new, changes what is known.")
        self.web_root = self.folder / "another"
        self._make_web_root(self.web_root)
        self.expected = Expected()
        self.ingest()

    def ingest(self) -> None:
        """Run the counter, and look at what it knows then."""
        seen = self._seen()
        with as_nobody():
            ingest(self._settings(), self.sizes)
        history = load(self.web_root)
        self.expected.ran(Run(seen, ended=True, sizes=_sizes(history)))
        if problems := list(self.expected.check(history)):
            raise Wrong("\n".join(problems))

    def killed_ingest(self, renames: int) -> None:
        """Run the counter, and kill it when it has put some files in place."""
        seen = self._seen()
        child = os.fork()
        if child == 0:
            _kill_at_rename(renames)
            try:
                with as_nobody():
                    ingest(self._settings(), self.sizes)
            except BaseException:  # noqa: BLE001
                os._exit(1)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code not in (0, 9):
            raise Wrong(f"A run that was to be killed ended with {code}.")
        sizes = _sizes(load(self.web_root)) if code == 0 else {file: [("", size)] for file, size in self.sizes.items()}
        self.expected.ran(Run(seen, ended=code == 0, sizes=sizes))

    def _make_web_root(self, path: Path) -> None:
        path.mkdir()
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)

    def _settings(self) -> Settings:
        logs = tuple(f"{server.folder}/access.log*" for server in self.servers)
        return Settings(self.web_root, logs, extensions=self._extensions)

    def _seen(self) -> frozenset[Line]:
        readable = [path for server in self.servers for path in server.logs() if path.stat().st_mode & 0o444]
        return frozenset(line for path in readable for line in lines_in(path))

    # --- What happens ---

    def _lines(self, chance: Random, days_ago: int = 0) -> list[Line]:
        lines = []
        for _ in range(chance.randint(1, 4)):
            self._served += 1
            lines.append(
                Line(
                    client=chance.choice(CLIENTS),
                    day=self.clock.today - timedelta(days=days_ago),
                    target=f"/{chance.choice(['a.iso', 'a.iso', *FILES, 'a.iso.md5'])}?{self._served}".encode(),
                    method=chance.choice([b"GET", b"GET", b"GET", b"GET", b"HEAD", b"POST"]),
                    status=chance.choice([200, 206, 206, 206, 304]),
                    size=chance.choice(BYTES),
                    second=self._served,
                )
            )
        return lines

    def _server(self, chance: Random) -> Server:
        return chance.choice(self.servers)

    def _a_log(self, chance: Random) -> tuple[Server, Path]:
        server = self._server(chance)
        return server, chance.choice(server.logs())

    def _serve(self, chance: Random) -> None:
        self._server(chance).write(self._lines(chance))

    def _serve_late(self, chance: Random) -> None:
        self._server(chance).write(self._lines(chance, days_ago=chance.choice([1, 1, 1, 2, 3])))

    def _serve_into_rotated(self, chance: Random) -> None:
        server = self._server(chance)
        # A request that ran while the log was renamed is logged into the renamed one.
        for path in [path for path in server.rotated()[:1] if path.suffix not in PACKINGS]:
            server.write(self._lines(chance, days_ago=chance.choice([0, 1])), path)

    def _begin_line(self, chance: Random) -> None:
        self._server(chance).begin(self._lines(chance)[0])

    def _next_hour(self, _chance: Random) -> None:
        self.clock.next_hour()
        for server in self.servers:
            if server.habits.hourly or self.clock.hour == 0:
                server.rotate()

    def _killed(self, chance: Random) -> None:
        self.killed_ingest(chance.randint(0, 4))

    def _ingest(self, _chance: Random) -> None:
        self.ingest()

    def _copy(self, chance: Random) -> None:
        server = self._server(chance)
        packing = chance.choice(["", *PACKINGS])
        data = server.current.read_bytes()
        server.put(
            server.folder / f"access.log.copy{chance.randrange(3)}{packing}",
            PACKINGS[packing][0](data) if packing else data,
        )

    def _remove(self, chance: Random) -> None:
        server, path = self._a_log(chance)
        if path != server.current:
            path.unlink()

    def _back_up(self, chance: Random) -> None:
        server, path = self._a_log(chance)
        self._backups.append((server, path.name, path.read_bytes(), path.stat().st_mtime_ns))

    def _restore(self, chance: Random) -> None:
        if self._backups:
            server, name, data, time = chance.choice(self._backups)
            path = server.folder / name
            if path.exists() or name == server.current.name:
                path = (
                    server.folder
                    / f"access.log.old{chance.randrange(3)}{path.suffix if path.suffix in PACKINGS else ''}"
                )
            server.put(path, data, chance.choice([time, None]))

    def _pack(self, chance: Random) -> None:
        server, path = self._a_log(chance)
        if path != server.current:
            server.pack(path, chance.choice(list(PACKINGS)), keep_time=chance.random() < 0.7)

    def _pack_and_leave(self, chance: Random) -> None:
        server, path = self._a_log(chance)
        if path != server.current:
            server.pack(path, chance.choice(list(PACKINGS)), keep_plain=True)

    def _touch(self, chance: Random) -> None:
        server, path = self._a_log(chance)
        time = self.clock.tick(server.habits.steps)
        os.utime(path, ns=(time, time))

    def _take_rights(self, chance: Random) -> None:
        if os.geteuid() == 0:  # for others it would be this harness that cannot read
            self._a_log(chance)[1].chmod(0)

    def _give_rights(self, _chance: Random) -> None:
        for server in self.servers:
            for path in server.logs():
                path.chmod(0o644)

    def _change_rule(self, chance: Random) -> None:
        self._extensions = chance.choice([(".iso",), (".iso", ".img")])  # nobody asks for an .img

    def _edit_counts(self, edit: Callable[[dict[str, dict[str, int]]], None]) -> None:
        path = self.web_root / ".stats" / "counts.json"
        if path.exists():
            counts = json.loads(path.read_text())
            edit(counts)
            path.write_text(json.dumps(counts))
            self.expected.set_months(counts)

    def _empty_counts(self, _chance: Random) -> None:
        self._edit_counts(lambda counts: counts.clear())

    def _take_month_out(self, chance: Random) -> None:
        def edit(counts: dict[str, dict[str, int]]) -> None:
            if counts:
                months = chance.choice(list(counts.values()))
                if months:
                    del months[chance.choice(list(months))]

        self._edit_counts(edit)

    def _take_file_out(self, chance: Random) -> None:
        def edit(counts: dict[str, dict[str, int]]) -> None:
            if counts:
                del counts[chance.choice(list(counts))]

        self._edit_counts(edit)

    def _change_number(self, chance: Random) -> None:
        def edit(counts: dict[str, dict[str, int]]) -> None:
            for months in counts.values():
                for month in months:
                    months[month] = max(0, months[month] + chance.choice([-2, -1, 0, 0, 3]))

        self._edit_counts(edit)

    def _lose_days(self, chance: Random) -> None:
        days = self.web_root / ".stats" / "days"
        if days.exists():
            damage = chance.choice([b"", b"{", b"[]"])
            for path in days.iterdir():
                path.write_bytes(damage)
            self.expected.forget_days()

    def _lose_state(self, _chance: Random) -> None:
        (self.web_root / ".stats" / "state.json").unlink(missing_ok=True)

    def _image_appears(self, _chance: Random) -> None:
        self.sizes["late.iso"] = 500

    def _image_vanishes(self, chance: Random) -> None:
        if self.sizes:
            del self.sizes[chance.choice(list(self.sizes))]

    def _image_replaced(self, chance: Random) -> None:
        self.sizes[chance.choice(FILES)] = chance.choice([300, 500, 1000, 1200])


STEPS: dict[str, tuple[int, Callable[[Life, Random], None]]] = {
    "serve": (10, Life._serve),
    "serve late": (3, Life._serve_late),
    "serve into the rotated log": (1, Life._serve_into_rotated),
    "begin a line": (1, Life._begin_line),
    "an hour goes by": (8, Life._next_hour),
    "ingest": (9, Life._ingest),
    "ingest, killed": (2, Life._killed),
    "copy the log": (1, Life._copy),
    "remove a log": (1, Life._remove),
    "keep a backup": (2, Life._back_up),
    "restore a backup": (2, Life._restore),
    "pack a log anew": (1, Life._pack),
    "pack a log and leave the plain one": (1, Life._pack_and_leave),
    "touch a log": (1, Life._touch),
    "take rights": (1, Life._take_rights),
    "give rights back": (2, Life._give_rights),
    "change the rule": (1, Life._change_rule),
    "empty the counts": (1, Life._empty_counts),
    "take a month out of the counts": (1, Life._take_month_out),
    "take a file out of the counts": (1, Life._take_file_out),
    "change a number in the counts": (1, Life._change_number),
    "lose the days": (1, Life._lose_days),
    "lose the state": (1, Life._lose_state),
    "an image appears": (1, Life._image_appears),
    "an image vanishes": (1, Life._image_vanishes),
    "an image is replaced": (1, Life._image_replaced),
}
"""What may happen: how often, and what it does."""


def _habits(chance: Random) -> Habits:
    return Habits(
        hourly=chance.random() < 0.3,
        dated=chance.random() < 0.4,
        keep=chance.choice([1, 2, 4, 14]),
        packing=chance.choice(["", ".gz", ".gz", ".xz", ".zst", ".bz2"]),
        delay=chance.random() < 0.6,
        copytruncate=chance.random() < 0.3,
        steps=chance.choice([1, 1_000, 4_000_000, 999_999_999, 60_000_000_000]),
    )


def _sizes(history: History) -> dict[str, list[tuple[str, int]]]:
    return {file: [(since, size) for since, size in sizes] for file, sizes in history.state.sizes.items()}


def _kill_at_rename(number: int) -> None:
    """Have this process end, as by a kill, at its rename of this number."""
    done = 0
    rename, replace = os.rename, os.replace

    def counted(original: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: object, **options: object) -> None:
            nonlocal done
            if done == number:
                os._exit(9)
            done += 1
            original(*arguments, **options)

        return call

    os.rename, os.replace = counted(rename), counted(replace)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's right to read everything."""
    if os.geteuid():
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def steps_of(seed: int, most: int = 60) -> list[Step]:
    """The steps of the life with a number.

    Of what happens seldom, a life meets only some: a thing shows that another would cover up.
    """
    chance = Random(seed)
    often = {name: often for name, (often, _) in STEPS.items() if often >= OFTEN or chance.random() < 0.3}
    names = chance.choices(list(often), list(often.values()), k=chance.randint(5, most))
    return [(name, chance.randrange(1 << 30)) for name in names]


def live(seed: int, steps: list[Step]) -> str:
    """Live a life, in memory if the machine has a folder for that; return what was wrong, empty if nothing was."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        folder.chmod(0o755)
        life = Life(folder, seed)
        for number, step in enumerate(steps, 1):
            try:
                life.take(step)
            except Exception as error:  # noqa: BLE001
                return f"after step {number}, {step[0]}: {type(error).__name__}: {error}"
        try:
            life.end()
        except Exception as error:  # noqa: BLE001
            return f"at the end: {type(error).__name__}: {error}"
    return ""


def shortened(seed: int, steps: list[Step]) -> list[Step]:
    """Leave out of a life that goes wrong what is not needed for it."""
    size = len(steps) // 2
    while size:
        at = 0
        while at < len(steps):
            fewer = steps[:at] + steps[at + size :]
            if live(seed, fewer):
                steps = fewer
            else:
                at += size
        size //= 2
    return steps
