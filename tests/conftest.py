"""What all tests share."""

import os

from hypothesis import Phase, settings

# `make test` hands on the real server's web root and logs, which no test may see, and its own flags, which change what
# a make started by a test prints.
for name in ("WEB_ROOT", "LOGS", "SITEURL", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "PYTHONPATH"):
    os.environ.pop(name, None)

# A slow machine is no fault of the code. In CI the same examples every time: a change is to blame when they fail.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
# Of a mutant it is enough to know that an example fails, not which is the smallest.
settings.register_profile("mutants", deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate))
settings.load_profile("ci" if os.environ.get("CI") else "default")
