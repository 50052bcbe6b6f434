"""The whole engine on a folder, a Gramps Web, a bucket and a clock in memory: one thread, one source of chance."""
