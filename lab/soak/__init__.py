"""Random work and faults on real servers for hours, with an account of every byte; see `lab.soak.__main__`."""
