"""Evaluators: what an architecture is judged by, one a file."""
