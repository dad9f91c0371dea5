"""Where the benchmarks keep things."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Git-ignored: the ResNet-50 model, made once, and the figures of runs that are not full.
CACHE = ROOT / "benchmarks" / ".cache"
RESULTS = ROOT / "benchmarks" / "results"  # committed: the last full run
