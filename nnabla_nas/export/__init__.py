"""Networks that leave the framework: a run folder read back, and files other programs read."""
