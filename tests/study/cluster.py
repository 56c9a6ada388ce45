"""A Slurm of two nodes on this machine, in a folder of its own, for as long as a test lasts."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")
NODES = ("n1", "n2")

_CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={ports[0]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SlurmdTimeout=4
SlurmctldTimeout=10
KillWait=2
MinJobAge=30
ReturnToService=2
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2
PartitionName=low Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1 GraceTime=10
PartitionName=high Nodes=ALL MaxTime=INFINITE PriorityTier=10 PreemptMode=OFF
"""


def is_possible() -> bool:
    """Return whether the programs are there and may be started."""
    return os.geteuid() == 0 and all(shutil.which(name) for name in PROGRAMS)


class Cluster:
    """The daemons.

    Args:
        folder: theirs alone.

    Attributes:
        environment: what commands need to reach it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str) -> None:
        """Start a daemon in a session of its own."""
        with (self.folder / f"{name}.txt").open("ab") as output:
            self.daemons[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.environment,
                start_new_session=True,
            )

    def start_node(self, name: str) -> None:
        """Start a node."""
        self.start(name, "slurmd", "-D", "-N", name)

    def kill_node(self, name: str) -> None:
        """Kill a node with all that runs on it, as a power cut would."""
        daemon = self.daemons.pop(name)
        steps, tasks = self._processes_of(name)
        # Tasks last: nobody is left then to say how they ended.
        for pid in (daemon.pid, *steps, *tasks):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        daemon.wait()

    def ask(self, *command: str) -> str:
        """Return what a command of Slurm says."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        return done.stdout

    def wait_until(self, is_so: object, seconds: float = 60) -> None:
        """Ask again and again whether something is so."""
        assert callable(is_so)
        deadline = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < deadline, self.ask("squeue") + self.ask("sinfo")
            assert all(one.poll() is None for one in self.daemons.values())
            time.sleep(0.1)

    def stop(self) -> None:
        """End everything."""
        self.ask("scancel", "--user=root", "--signal=KILL", "--full")
        for name in NODES:
            if name in self.daemons:
                self.kill_node(name)
        for daemon in self.daemons.values():
            daemon.kill()
            daemon.wait()

    def _processes_of(self, node: str) -> tuple[list[int], list[int]]:
        """Return the processes that watch a node's steps, and those of the steps."""
        steps, tasks = [], []
        for entry in Path("/proc").iterdir():
            try:
                variables = (entry / "environ").read_bytes().split(b"\0")
                files = [os.readlink(one) for one in (entry / "fd").iterdir()]
            except OSError:
                continue
            if f"SLURM_CONF={self.folder}/slurm.conf".encode() not in variables:
                continue
            if f"SLURMD_NODENAME={node}".encode() in variables:
                tasks.append(int(entry.name))
            elif f"{self.folder}/slurmd-{node}.log" in files:
                steps.append(int(entry.name))
        return steps, tasks


def _free_ports(n: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Bring a cluster up in a folder and end it.

    Args:
        folder: an empty one.
    """
    # munged wants paths that nobody else can write to.
    folder.chmod(0o755)
    (folder / "state").mkdir()
    for name in NODES:
        (folder / f"spool-{name}").mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    conf = _CONF.format(host=socket.gethostname(), ports=_free_ports(3), folder=folder)
    (folder / "slurm.conf").write_text(conf)
    cluster = Cluster(folder)
    try:
        files = {"socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        flags = [f"--{flag}={folder}/munge.{end}" for flag, end in files.items()]
        cluster.start("munged", "munged", "--foreground", "--force", f"--key-file={key}", *flags)
        cluster.wait_until((folder / "munge.socket").exists)
        cluster.start("slurmctld", "slurmctld", "-D")
        for name in NODES:
            cluster.start_node(name)
        idle = "n1 idle\nn2 idle\n"
        ask = ("sinfo", "--noheader", "--Node", "--partition=low", "--format=%N %t")
        cluster.wait_until(lambda: cluster.ask(*ask) == idle)
        yield cluster
    finally:
        cluster.stop()
