"""Times the kernel alone: ``python -m tests.bench.kernel FILE`` prints seconds for all frames.

Reading the file is left out, and so is compiling: the first pass is not timed.
"""

from __future__ import annotations

import sys
import time

from sensor.capture.files import CaptureFile
from sensor.decode.kernel import Kernel
from sensor.decode.settings import DecodeSettings


def seconds(path: str) -> float:
    """The least of three passes over a capture."""
    kernel = Kernel(DecodeSettings())
    passes = [_one_pass(path, kernel) for _ in range(4)]
    return min(passes[1:])


def _one_pass(path: str, kernel: Kernel) -> float:
    spent = 0.0
    with CaptureFile(path, 0) as capture:
        for batch in capture.batches():
            began = time.perf_counter()
            kernel.decode(batch)
            spent += time.perf_counter() - began
    return spent


if __name__ == "__main__":
    print(seconds(sys.argv[1]))
