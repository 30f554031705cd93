"""A small package that holds the real ``sensor.jit``, run in processes of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.test_architecture import PACKAGE

WORDS = "LIMIT = 16\n"
KERNEL = """
from sensor.jit import compiled, entry
from sensor.schema.words import LIMIT

@compiled
def twice(count):
    return 2 * count

@entry(lambda: (0,))
def limit(count):
    return LIMIT + twice(count)
"""
# Prints the result, and "kept" if nothing had to be built.
PROGRAM = """
import sys
from sensor.decode.kernel import limit
print(limit(1), "built" if "subprocess" in sys.modules else "kept")
"""
# Prints why the code of ``limit`` cannot be had.
COMPLAINT = """
from sensor.decode.kernel import limit
from sensor.errors import SensorError
try:
    limit(1)
except SensorError as error:
    print(error)
"""


class Project:
    """The small package, and a cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.cache = folder / "cache"
        package = self.folder / "sensor"
        for path, text in {"schema/words.py": WORDS, "decode/kernel.py": KERNEL}.items():
            (package / path).parent.mkdir(parents=True)
            (package / path).write_text(text)
        for name in ("__init__.py", "errors.py"):
            shutil.copy(PACKAGE / name, package)
        no_cache = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PACKAGE / "jit", package / "jit", ignore=no_cache)
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")
        }
        # No .pyc: Python itself takes one for fresh whose source has kept its size and time.
        self.environment |= {
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(self.folder),
            "XDG_CACHE_HOME": str(self.cache),
        }

    def start(
        self, program: str = PROGRAM, stderr: int = subprocess.PIPE, /, **environment: str
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=self.folder,
            env=self.environment | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def run(self, program: str = PROGRAM, /, **environment: str) -> str:
        """What it printed; nothing may be said on standard error."""
        out, err = self.start(program, **environment).communicate()
        assert err == ""
        return out.strip()

    def kept(self) -> list[Path]:
        return sorted(path for path in self.cache.rglob("*") if path.is_file())
