"""Git's remote and DVC's: which they are, and their command lines.

`share` and `fetch` call git and dvc as programs, so that whatever works in a shell works here, too.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo

from pipeline.errors import PipelineError

SETUP = "docs/team.md"
CONFIG = Path(".dvc/config")


class TeamError(PipelineError):
    """Sharing or fetching cannot start or did not complete."""


def current_branch() -> str:
    done = run("git", "symbolic-ref", "--quiet", "--short", "HEAD")
    if done.returncode:
        raise TeamError("no branch is checked out. Make one first: git switch --create NAME")
    return done.stdout.strip()


def git_remote() -> str:
    done = run("git", "remote")
    if done.returncode:
        raise TeamError(
            f"Git cannot use this folder. It says:\n{done.stderr.strip()}\n"
            "Do as it says; or, if this is no repository yet, clone the team's one: git clone URL"
        )
    names = done.stdout.split()
    if not names:
        raise TeamError(
            "Git has no remote to share through. Add one: git remote add origin URL\n"
            f"How to set up a team: {SETUP}"
        )
    return "origin" if "origin" in names else names[0]


def data_remote() -> str:
    """The name of DVC's default remote; a folder has to exist, or DVC would make a new, empty one."""
    check_config()
    try:
        with Repo() as repo:
            name = repo.config["core"].get("remote", "")
            url = repo.config["remote"].get(name, {}).get("url", "")
    except DvcException as error:
        raise TeamError(str(error)) from None
    if not name:
        raise TeamError(
            "DVC has no remote for the results. Add one: dvc remote add --default team URL\n"
            f"(a folder, ssh://... or s3://...); how to set it up: {SETUP}"
        )
    if not url or Path(url).resolve() in (Path.cwd(), Path(".dvc").resolve()):
        raise TeamError(
            f"the remote {name} has no address of its own (`url` is empty or this project), so results would be "
            f"pushed into the project itself. Set it: dvc remote modify {name} url URL\nHow to: {SETUP}"
        )
    if "://" not in url and not Path(url).is_dir():
        raise TeamError(
            f"the remote {name} is the folder {url}, which is not there. If it is on a disk or share, "
            f"connect it; if it is new, make it once: mkdir -p '{url}'"
        )
    return name


def check_config() -> None:
    """Warn before DVC empties its settings, and TeamError after it: it cannot write letters beyond ASCII."""
    for path in (CONFIG, CONFIG.with_name("config.local")):
        content = path.read_bytes() if path.is_file() else b"none"
        if not content.isascii():
            print(
                f"warning: {path} holds letters beyond ASCII, such as an accent. The next `dvc remote` or `dvc "
                f"config` that changes this file empties it. Give the folder a path without them: {SETUP}",
                file=sys.stderr,
            )
        if path == CONFIG and not content.strip():
            raise TeamError(
                f"{path} is empty: DVC empties it when a path in it has letters beyond ASCII, such as an accent.\n"
                f"Get it back: git checkout {path}\n"
                f"Then name the folder by a path without them, relative or through a link: {SETUP}"
            )


def outputs_recorded(repo: Repo) -> dict[str, str]:
    """Results that dvc.lock records and DVC caches: path -> checksum."""
    return {
        os.path.relpath(out.fs_path): out.hash_info.value
        for out in repo.index.outs
        if out.use_cache and out.hash_info
    }


def dvc(*arguments: str, remote: str = "", watched: bool = False) -> str:
    """What `dvc` prints; TeamError with its reason if it fails.

    `remote`: the one that it talks to; `watched`: show its progress, if there is a terminal.
    """
    done = (run_watched if watched else run)("dvc", *arguments)
    if done.returncode:
        where = f" with the remote {remote}" if remote else ""
        raise TeamError(f"dvc {arguments[0]}{where} failed; nothing was lost.\n{explained(done)}")
    return done.stdout.strip()


def explained(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    lost = [line for line in lines if "failed to transfer" in line]
    said = [line for line in lines if line not in lost and not line.startswith(CHATTER)]
    return meaning("\n".join([*lost[:1], *said]))  # they differ in the file only


def meaning(words: str) -> str:
    """`words` of an error and what to do about it, if that is known."""
    for sign, advice in SIGNS:
        if sign.lower() in words.lower():
            return f"{words}\n{advice}"
    return words


# never asks for a password in the background, where nobody sees the question
QUIET = {"GIT_TERMINAL_PROMPT": "0", "DVC_NO_ANALYTICS": "1"}
ERROR = b"ERROR"  # with it the lines of DVC begin that say what failed
CHATTER = "Having any troubles?"
FULL = (
    "There is no room left: make some and run the same command again. What has arrived there stays; the "
    "branch is pushed when all data are."
)
# (what stands in the error, what to do)
SILENCE = "Nobody answers there: is the address right, the server up, the VPN on?"
SIGNS = (
    ("acquire lock", "Another dvc command is at work in this folder; run again when it is done."),
    ("No space left", FULL),
    ("quota exceeded", FULL),
    ("File too large", FULL),
    ("Read-only file system", "There is no right to write there."),
    ("Not a directory", "A file stands where the remote's folder should be: is the address right?"),
    ("requires 'dvc-", f"Install what this kind of remote needs: {SETUP}"),
    ("is supported, but requires", f"Install what this kind of remote needs: {SETUP}"),
    ("Permission denied", f"Wrong user, key or password? See {SETUP}."),
    ("Unable to find AWS credentials", f"Give DVC your key: {SETUP}, S3."),
    ("Unable to locate credentials", f"Give DVC your key: {SETUP}, S3."),
    ("InvalidAccessKeyId", f"The key is not known there: {SETUP}, S3."),
    ("SignatureDoesNotMatch", f"The secret does not fit the key: {SETUP}, S3."),
    ("Forbidden", f"This key may not do that: {SETUP}, S3."),
    ("Connection refused", SILENCE),
    ("Connect call failed", SILENCE),
    ("Could not connect", SILENCE),
    ("timed out", SILENCE),
    ("Name or service not known", SILENCE),
)


def git(*arguments: str) -> str:
    done = run("git", *arguments)
    if done.returncode:
        raise TeamError(f"git {arguments[0]} failed; nothing was lost.\n{done.stderr.strip()}")
    return done.stdout.rstrip()


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        errors="replace",  # names of people and files, as old as they may be
        check=False,
        env=os.environ | QUIET,
    )


def run_watched(*command: str) -> subprocess.CompletedProcess[str]:
    """As `run`, and DVC's bars appear while it runs, if stderr is a terminal. Its errors do not: they are
    explained afterwards."""
    if not sys.stderr.isatty():
        return run(*command)
    columns = {"COLUMNS": str(shutil.get_terminal_size().columns)}
    with (
        tempfile.TemporaryFile() as printed,
        subprocess.Popen(
            command,
            stdout=printed,
            stderr=subprocess.PIPE,
            env=os.environ | QUIET | {"DVC_IGNORE_ISATTY": "true"} | columns,
        ) as process,
    ):
        assert process.stderr is not None
        said = b""
        while some := os.read(process.stderr.fileno(), 2**16):
            before, said = said.partition(ERROR)[0], said + some
            os.write(sys.stderr.fileno(), said.partition(ERROR)[0][len(before) :])
        code = process.wait()
        printed.seek(0)
        out = printed.read()
    return subprocess.CompletedProcess(
        command, code, out.decode(errors="replace"), without_bars(said.decode(errors="replace"))
    )


def without_bars(said: str) -> str:
    """`said` without what later text of the same line has overwritten on a terminal."""
    lines = said.replace("\x1b[A", "").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


def last_line(said: str) -> str:
    return said.strip().splitlines()[-1] if said.strip() else "nothing new"
