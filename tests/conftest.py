"""Settings for every test."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

# A slow machine is no failure: there are no deadlines. In CI the examples are the same in every run.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

# Started in the background, a shell has Ctrl-C ignored, and every process below inherits that; syncd honours it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
