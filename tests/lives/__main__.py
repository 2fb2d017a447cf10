"""Live many lives: `make lives`, or `make lives LIVES="--from 500 200"`. It ends with the lives that went wrong."""

import argparse
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from lives.life import live, shortened, steps_of


def report(seed: int) -> str:
    """What goes wrong in a life, with the steps it takes; empty if nothing does."""
    try:
        steps = steps_of(seed)
        if not live(seed, steps):
            return ""
        steps = shortened(seed, steps)
        return f"Life {seed}: {live(seed, steps)}\n" + "".join(f"    {name} ({one})\n" for name, one in steps)
    except Exception:  # noqa: BLE001
        return f"Life {seed}: {traceback.format_exc()}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make lives", description=__doc__)
    parser.add_argument("number", nargs="?", type=int, default=2000, help="how many (%(default)s)")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the number of the first")
    parser.add_argument(
        "--processes", type=int, default=None, help="how many at once, as many as processors if not said"
    )
    arguments = parser.parse_args()
    begin = time.monotonic()
    wrong = 0
    with ProcessPoolExecutor(arguments.processes) as pool:
        for said in pool.map(partial(report), range(arguments.first, arguments.first + arguments.number), chunksize=8):
            if said:
                wrong += 1
                print(said, flush=True)
    print(f"{arguments.number} lives in {time.monotonic() - begin:.0f} s; {wrong} went wrong.")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
