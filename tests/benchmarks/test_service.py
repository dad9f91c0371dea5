import os
import signal
import subprocess
import sys

import pytest
from waiting import wait_until

from benchmarks import processes
from benchmarks.folders import ROOT

# A server whose child starts a process group of its own, as the workers of some servers do.
SERVER = """
import http.server, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""

# A benchmark that is told to end while it measures.
BENCHMARK = f"""
import sys, time
from benchmarks.service import Service, free_port
port = free_port()
with Service(["-c", {SERVER!r}, str(port)], {{}}, port=port, ready_path="/") as service:
    if "halted" in sys.argv:
        service.halt()
    print(*service.pids(), flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("state", ["running", "halted"])
def test_sigterm_to_a_benchmark_leaves_no_process_of_its_servers(state):
    command = [sys.executable, "-c", BENCHMARK, state]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as benchmark:
        pids = [int(pid) for pid in benchmark.stdout.readline().split()]
        assert len(pids) == 2
        os.kill(benchmark.pid, signal.SIGTERM)
        assert benchmark.wait() == 128 + signal.SIGTERM
    wait_until(lambda: not any(map(processes.title, pids)))
