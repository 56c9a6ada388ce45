"""Searchers: the loop they share, and one algorithm a file."""
