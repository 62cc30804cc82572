"""The real thing on loopback: an OpenSSH server and an S3 endpoint as the team's data remote."""

import getpass
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.interplay.test_team import FETCH, SHARE, Team, shared, team  # noqa: F401 (fixtures
from tests.interplay.test_together import assert_complete
from tests.interplay.tinyproject import Tiny, wait_until

SSHD = "/usr/sbin/sshd"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def server(port: int, *command: str, **environment: str) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(
        command,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: answers(port), seconds=60)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Its port and the only key that may log in."""
    assert Path(SSHD).exists(), "install it first: apt-get install openssh-server"
    folder = tmp_path / "sshd"
    folder.mkdir(mode=0o700)
    Path("/run/sshd").mkdir(exist_ok=True)  # the server of a machine where none has run yet
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True
        )
    (folder / "authorized").write_text((folder / "user.pub").read_text())
    port = free_port()
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nStrictModes no\n"
        f"AuthorizedKeysFile {folder}/authorized\nPasswordAuthentication no\nUsePAM no\n"
        f"PermitRootLogin yes\nPidFile {folder}/pid\nSubsystem sftp internal-sftp\n"
    )
    with server(port, SSHD, "-D", "-f", str(folder / "config")):
        yield port, folder / "user"


@pytest.fixture
def s3() -> Iterator[int]:
    port = free_port()
    with server(port, sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)):
        yield port


def use_remote(team: Team, url: str, **settings: str) -> None:  # noqa: F811
    """As docs/team.md says: what all need into the committed file, keys into the local one."""
    ada = team.ada
    ada.run("dvc", "remote", "remove", "team")
    ada.run("dvc", "remote", "add", "--default", "team", url)
    ada.run("dvc", "remote", "modify", "team", "verify", "true")
    for name, value in settings.items():
        ada.run("dvc", "remote", "modify", "team", name, value)
    ada.commit("a remote")


def assert_shared_through(team: Team, **more: str) -> Tiny:  # noqa: F811
    assert "Data -> team: " in team.ada.run(*SHARE, **more)
    ben = team.clone("ben")
    if "keyfile" in (team.ada.path / ".dvc/config.local").read_text():
        (ben.path / ".dvc/config.local").write_text(
            (team.ada.path / ".dvc/config.local").read_text()
        )
    ben.run(*FETCH, **more)
    assert_complete(ben)
    assert ben.executed() == []
    return ben


def test_a_team_shares_through_ssh(team: Team, ssh: tuple[int, Path]):  # noqa: F811
    port, key = ssh
    use_remote(team, f"ssh://127.0.0.1:{port}{team.folder}/over ssh", user=getpass.getuser())
    team.ada.run("dvc", "remote", "modify", "--local", "team", "keyfile", str(key))
    ben = assert_shared_through(team)
    stored = [path for path in (team.folder / "over ssh/files/md5").rglob("*") if path.is_file()]
    assert len(stored) >= 6

    ben.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "../another")
    ben.run("dvc", "remote", "modify", "--local", "team", "keyfile", "../another")
    ben.run("bash", "-c", "rm -r .dvc/cache results/*/")
    said = ben.run(*FETCH, fails=True)
    assert "Wrong user, key or password? See docs/team.md" in said
    assert "Traceback" not in said


def test_a_team_shares_through_s3(team: Team, s3: int, tmp_path: Path):  # noqa: F811
    import boto3

    endpoint = f"http://127.0.0.1:{s3}"
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    nowhere = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket="results")
    (team.ada.path / ".dvc/config.local").touch()
    use_remote(team, "s3://results/gan", endpointurl=endpoint, region="us-east-1")
    assert_shared_through(team, **keys)
    listed = client.list_objects_v2(Bucket="results", Prefix="gan/files/md5/")
    assert listed["KeyCount"] >= 6
    client.close()

    ben = Tiny(team.folder / "ben", team.folder / "ben.executions")
    ben.run("bash", "-c", "rm -r .dvc/cache results/*/")
    said = ben.run(*FETCH, fails=True, **nowhere)
    assert "Give DVC your key: docs/team.md" in said
    assert "Traceback" not in said


def test_a_server_that_is_down_is_named_as_such(team: Team):  # noqa: F811
    use_remote(team, f"ssh://127.0.0.1:{free_port()}/nowhere", user=getpass.getuser())
    for command in (SHARE, FETCH):
        team.ada.run("bash", "-c", "rm -rf .dvc/cache") if command == FETCH else None
        said = team.ada.run(*command, fails=True)
        assert "is the address right, the server up, the VPN on?" in said
        assert "Traceback" not in said
