"""The tools around a run: one file each, `python -m nnabla_nas TOOL`."""
