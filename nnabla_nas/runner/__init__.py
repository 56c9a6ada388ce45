"""Runners: what is done with an experiment. One algorithm, one file."""
