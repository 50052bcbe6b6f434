"""Real servers on this machine, for tests and for script/demo: S3, and Gramps Web with Gramps' example tree.

Everything listens on the loopback interface only, on free ports, and dies with the process that started it.
`script/setup --lab` installs what is started here.
"""
