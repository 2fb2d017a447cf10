"""Fuzz one target by coverage: `PYTHONPATH=plugins:tests python -m fuzz TARGET [SECONDS]` with atheris installed.

New inputs that reach new code go to `corpus/TARGET`; one that fails is kept beside this file as `crash-*`, and ends the
run. Other options are libFuzzer's (https://llvm.org/docs/LibFuzzer.html#options), after the seconds.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["download_counter", "json", "urllib", "datetime"]):
    from fuzz.targets import TARGETS

# The longest input (bytes): what matters is in the grammar, and short inputs run fast.
LONGEST = 4096


def main() -> None:
    name, seconds, *options = [*sys.argv[1:], "60"] if len(sys.argv) == 2 else sys.argv[1:]
    folder = Path(__file__).parent / "corpus" / name
    folder.mkdir(parents=True, exist_ok=True)
    atheris.Setup(
        [
            sys.argv[0],
            str(folder),
            f"-max_total_time={seconds}",
            f"-max_len={LONGEST}",
            "-timeout=10",
            "-rss_limit_mb=1024",
            f"-artifact_prefix={Path(__file__).parent}/",
            *options,
        ],
        TARGETS[name],
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
