"""`syncd` as a service of one's own account: the units are written, enabled, started, and taken away again.

`units` knows texts and nothing else, `manager` is the systemd that is talked to, `service` brings the two together. The units
themselves are in `systemd/`, which is `deploy/systemd` of the project.
"""

from syncd.installing.found import unit_for
from syncd.installing.manager import Manager
from syncd.installing.service import Installed, Order, Removed, install, uninstall

__all__ = ["Installed", "Manager", "Order", "Removed", "install", "uninstall", "unit_for"]
