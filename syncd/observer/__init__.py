"""Looking at both sides and the bucket, and stopping where what is found is not what was synced before.

The order matters. The folder's marker is looked at before anything else is; the server's identity before its
objects; the objects before the bucket, so that "nobody has these bytes" is never said of bytes that arrived in
between.

`arrival` finds out whom this is about, `whole` looks at everything, `near` only at what changed and what bears on it.
"""

from syncd.observer.arrival import Arrival
from syncd.observer.near import Changes, Near
from syncd.observer.observed import Observed
from syncd.observer.whole import Observer

__all__ = ["Arrival", "Changes", "Near", "Observed", "Observer"]
