"""What a run leaves behind: its folder and files, log, curves, drawing and result."""

from nnabla_nas.artifact.diagram import Diagram, Edge, Group, Node, side_by_side
from nnabla_nas.artifact.drawing import draw
from nnabla_nas.artifact.environment import describe_environment
from nnabla_nas.artifact.meter import Meter, Meters
from nnabla_nas.artifact.monitor import Monitor
from nnabla_nas.artifact.progress import Progress
from nnabla_nas.artifact.result import Result, retrain_command
from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.artifact.tensorboard import TensorBoard
from nnabla_nas.artifact.trajectory import Trajectory

__all__ = [
    "Diagram",
    "Edge",
    "Group",
    "Meter",
    "Meters",
    "Monitor",
    "Node",
    "Progress",
    "Result",
    "RunFolder",
    "TensorBoard",
    "Trajectory",
    "describe_environment",
    "draw",
    "retrain_command",
    "side_by_side",
]
