"""Packets of a capture as Wireshark dissects them, and the one place that knows pyshark's ways."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from sensor.errors import ConfigError, OutputError

# Off by default in Wireshark; without it, Teredo is seen on port 3544 alone.
_PARAMETERS = ["--enable-heuristic", "teredo_udp"]

_PATIENCE = 1.0  # seconds for what a killed tshark left in its pipe
_CALLBACKS = 3  # of asyncio between the end of a pipe and that of its transport


def find_tshark(path: str | None = None) -> str:
    """The tshark to run; ConfigError, with what to install, where there is none."""
    found = shutil.which(path or "tshark")
    if found is None:
        raise ConfigError(
            f"{path or 'tshark'} not found; Wireshark's dissectors are needed here:"
            " sudo apt-get install tshark"
        )
    return found


def packets(path: str, tshark: str) -> Iterator[Any]:
    """Every packet of a capture file, as pyshark's layers, in file order.

    Ends where tshark ends: a damaged capture, but a killed tshark as well, so that the caller has
    to count. OutputError if tshark cannot be started.
    """
    # pyshark would wait for a pipe for ever and takes "-" for the name of a file.
    if not os.path.isfile(path):
        raise ConfigError(f"{path}: tshark reads files only; save the capture to a file first")
    with _capture(path, tshark) as capture, closing(iter(capture)) as found:
        yield from _until_it_ends(found)


def _until_it_ends(found: Generator[Any, None, None]) -> Iterator[Any]:
    from pyshark.capture.capture import TSharkCrashException

    try:
        yield from found
    except TSharkCrashException:
        return  # exit code 2 after the last readable packet of a damaged capture is one cause
    except OSError as error:
        raise OutputError(f"tshark cannot be run: {error.strerror}") from error


@contextmanager
def _capture(path: str, tshark: str) -> Iterator[Any]:
    """A capture that leaves neither tshark nor pipes behind, however it ends."""
    import pyshark
    import pyshark.config
    from pyshark.capture.capture import TSharkCrashException

    # It would look for a config.ini in the current folder, whoever put it there.
    pyshark.config.fp_config_path = pyshark.config.pyshark_config_path
    loop = asyncio.new_event_loop()  # its own choice is deprecated, and gone in newer Pythons
    capture = pyshark.FileCapture(
        path,
        keep_packets=False,
        tshark_path=tshark,
        eventloop=loop,
        custom_parameters=_PARAMETERS,
    )
    logging.getLogger("asyncio").addFilter(_is_news)  # for good: its watchers outlive the loop
    try:
        yield capture
    finally:
        # After an interrupt, whoever waited for the next packet has nothing to tell any more.
        loop.set_exception_handler(lambda loop, context: None)
        processes = list(capture._running_processes)
        try:
            capture.close()
        except TSharkCrashException:
            capture._running_processes.clear()  # else it closes once more when collected
        loop.run_until_complete(_settle(processes))
        loop.close()


def _is_news(record: logging.LogRecord) -> bool:
    """Not that a child is unknown: closing reaps tshark, and at times before its watcher does."""
    return not record.getMessage().startswith("Unknown child process")


async def _settle(processes: Iterable[asyncio.subprocess.Process]) -> None:
    """End what still listens to tshark, and read its pipe to the end, so that it is closed."""
    waiting = asyncio.all_tasks() - {asyncio.current_task()}
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for process in processes:
        if process.stdout is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await process.stdout.read()
    for _ in range(_CALLBACKS):
        await asyncio.sleep(0)
