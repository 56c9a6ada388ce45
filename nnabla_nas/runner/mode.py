"""Whether the choices of a network are put together as an algorithm needs them."""

from __future__ import annotations

from nnabla_nas.config.experiment import Experiment
from nnabla_nas.config.faults import Fault, got
from nnabla_nas.runner.runner import Runner
from nnabla_nas.search_space.model import Model


def check_mode(experiment: Experiment, runner_class: type[Runner], model: Model) -> None:
    """Refuse a network whose choices are in a mode that the algorithm does not run.

    Args:
        experiment: the completed experiment.
        runner_class: the algorithm; its `modes` are allowed.
        model: the network, built.

    Raises:
        InputError: that names `network.mode`.
    """
    wrong = {choice.mode for choice in model.choices().values()} - {*runner_class.modes}
    if runner_class.modes and wrong:
        allowed = " or ".join(f"'{mode}'" for mode in runner_class.modes)
        text = got(min(wrong), f"{allowed}, which {experiment.algorithm.name} searches")
        experiment.sources.check([Fault(("network", "mode"), text, (("algorithm",),))])
