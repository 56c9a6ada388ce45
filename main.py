"""Run an experiment: `python main.py -f EXPERIMENT.json`; `python main.py --help` says more."""

import sys

try:
    from nnabla_nas.cli import main
except ImportError as error:
    sys.stderr.write("error: " + str(error) + "\n")
    sys.exit(2)
except KeyboardInterrupt:
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main(prog="python main.py"))
