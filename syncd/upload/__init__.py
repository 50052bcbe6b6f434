"""`syncd upload`: every media file of one family tree into the bucket, under its checksum, without a sync.

Invariants:

- keys are only added: none is deleted, and none that is there is written again;
- a key holds bytes of that checksum and no others, whatever the tree says of them;
- nothing is written on this computer, so that it may run beside a sync, be killed, and be repeated at any time.
"""
