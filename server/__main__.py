"""``python -m server``."""

from __future__ import annotations

import os
import signal
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a Ctrl-C during the imports ends it without a traceback
    from server.cli import main

    sys.exit(main(sys.argv[1:], os.environ))
