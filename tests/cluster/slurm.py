"""A real Slurm cluster of two nodes on this machine: its own ports, its own folder, gone afterwards.

Each node has a host name and process numbers of its own (Linux namespaces), so that what runs on it
cannot mistake itself for the machine where Snakemake runs. It claims two GPUs, which are not there.
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

NODES = ("node1", "node2")
PROGRAMS = ("munged", "slurmctld", "slurmd", "unshare")
CONFIGURATION = """
ClusterName=tests
SlurmctldHost=localhost
SlurmctldPort={controller}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
# no cgroups, which a container may not have: memory is sampled, processes are found by their parents
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=bf_interval=1
SlurmdParameters=config_overrides
MinJobAge=600
KillWait=3
ReturnToService=2
GresTypes=gpu
NodeName=node1 NodeAddr=localhost NodeHostname=node1 Port={node1} CPUs=4 RealMemory=8000 Gres=gpu:2
NodeName=node2 NodeAddr=localhost NodeHostname=node2 Port={node2} CPUs=4 RealMemory=8000
PartitionName=cpu Nodes=ALL Default=YES LLN=YES MaxTime=1440 State=UP
PartitionName=gpu Nodes=node1 MaxTime=1440 State=UP
"""
GPUS = "NodeName=node1 Name=gpu File=/dev/null,/dev/zero\n"


@dataclass
class Slurm:
    folder: Path
    processes: list[subprocess.Popen] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self) -> None:
        """RuntimeError with the reason if this machine cannot."""
        missing = [name for name in PROGRAMS if not shutil.which(name, path=search_path())]
        if missing:
            raise RuntimeError(
                f"{', '.join(missing)} not found; on Debian: apt-get install slurm-wlm munge "
                "(.ci/run does so)"
            )
        if os.geteuid() != 0:
            raise RuntimeError("Slurm's nodes start jobs as root does; run these tests as root")
        self.write_configuration()
        self.daemon(
            "munged",
            "--foreground",
            "--force",
            *(
                f"--{name}-file={self.folder}/munge.{name}"
                for name in ("key", "pid", "seed", "log")
            ),
            f"--socket={self.folder}/munge.socket",
        )
        self.wait_for((self.folder / "munge.socket").exists, "munged")
        self.daemon("slurmctld", "-D", "-c")
        for node in NODES:
            self.daemon(
                *("unshare", "--uts", "--pid", "--mount-proc", "--fork", "--kill-child"),
                # the plugin lets no variable of Slurm's through to a job: find the file as everybody does
                *(
                    "sh",
                    "-c",
                    f"hostname {node} && mount --bind . /etc/slurm && exec slurmd -D -N {node} -c",
                ),
            )
        self.wait_for(self.is_up, "slurmctld or slurmd")

    def write_configuration(self) -> None:
        Path("/etc/slurm").mkdir(exist_ok=True)
        ports = dict(zip(("controller", *NODES), free_ports(3), strict=True))
        for name in ("state", *NODES):
            (self.folder / name).mkdir()
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(folder=self.folder, **ports))
        (self.folder / "gres.conf").write_text(GPUS)
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)

    def daemon(self, *command: str) -> None:
        with (self.folder / f"{len(self.processes)}.said").open("w") as said:
            self.processes.append(
                subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    cwd=self.folder,
                    env=os.environ | self.environment | {"PATH": search_path()},
                )
            )

    def wait_for(self, fact, what: str, seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not fact():
            gone = [process for process in self.processes if process.poll() is not None]
            if gone or time.monotonic() > end:
                said = "\n".join(path.read_text()[-800:] for path in self.folder.glob("*.said"))
                raise RuntimeError(f"{what} did not start; they said:\n{said}")
            time.sleep(0.05)

    def is_up(self) -> bool:
        with contextlib.suppress(subprocess.CalledProcessError):
            return self.ask("sinfo", "-hN", "-p", "cpu", "-o", "%T").split() == ["idle"] * len(
                NODES
            )
        return False

    def ask(self, *command: str) -> str:
        return subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            env=os.environ | self.environment,
        ).stdout

    def jobs(self) -> dict[str, str]:
        """Numbers and states of the jobs that are not over."""
        return dict(line.split() for line in self.ask("squeue", "-h", "-o", "%i %T").splitlines())

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.kill()  # nothing is to be kept; a node's processes end with it
            process.wait()


def search_path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin"


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("", 0))
        return [each.getsockname()[1] for each in sockets]
