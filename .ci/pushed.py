"""Which recorded results the data remote lacks; those that may not be passed on are not missed."""

import json
import subprocess
import sys

sys.path.insert(0, ".")

from pipeline.config import params
from pipeline.team.private import private_files


def main() -> int:
    command = ["dvc", "data", "status", "--not-in-remote", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"error: the data remote cannot be asked: {done.stderr.strip()}", file=sys.stderr)
        return 1
    listed = json.loads(done.stdout or "{}").get("not_in_remote", [])
    private = private_files(params.load())
    lacking = [path for path in listed if path not in private]
    if lacking:
        print(
            f"error: {len(lacking)} results were never pushed: {', '.join(lacking[:5])}\n"
            "Next, whoever made them: make share",
            file=sys.stderr,
        )
        return 1
    print("every recorded result belongs to this commit, and the data remote has it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
