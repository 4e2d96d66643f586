"""From the command `tripod up` to a ready server, and what it holds in memory.

    python -m tests.benchmarks.startup --home HOME

needs a home that `tripod up` has prepared once. It starts the server three times on a free port,
waits for `/health/ready`, sends some requests to each application and reads the resident memory.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import httpx

from core.settings import CoreSettings
from tests.benchmarks.timing import ROUNDS

TRIPOD = Path(sys.executable).with_name("tripod")
REQUESTS = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=CoreSettings().home)
    options = parser.parse_args()
    found = [_once(options.home) for _ in range(ROUNDS)]
    seconds = [ready for ready, _, _ in found]
    print(
        json.dumps(
            {
                "ready_seconds": statistics.median(seconds),
                "ready_seconds_each": seconds,
                "resident_mb_at_ready": max(before for _, before, _ in found),
                "resident_mb_after_requests": max(after for _, _, after in found),
            }
        )
    )


def _once(home: Path) -> tuple[float, float, float]:
    started = time.monotonic()
    command = [TRIPOD, "up", "--port", "0", "--json", "--home", home]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        while httpx.get(f"{url}health/ready").status_code != 200:
            time.sleep(0.05)
        ready = time.monotonic() - started
        before = _resident_mb(process.pid)
        with httpx.Client(base_url=url) as client:
            for _ in range(REQUESTS):
                for path in ("", "support/", "monitor/", "recommend/"):
                    client.get(path, follow_redirects=True)
        after = _resident_mb(process.pid)
        os.kill(process.pid, signal.SIGTERM)
        process.wait(30)
    return ready, before, after


def _resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} is gone")


if __name__ == "__main__":
    main()
