"""A Ctrl-C that Python swallowed is not lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from foldgrid.launching.interrupt import Interrupt


class Swallows:
    """A destructor: what it raises is printed and forgotten, as Python does there."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(100):
            time.sleep(0.01)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_swallowed_interrupt_is_raised_at_the_next_event() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupt() as interrupt:
        interrupt.epoch_done("fit", "epoch")
        victim = Swallows()
        del victim
        with pytest.raises(KeyboardInterrupt):
            interrupt.epoch_done("fit", "epoch")
        with pytest.raises(KeyboardInterrupt):
            interrupt.started("fit")
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_is_raised_at_once_where_it_can_be() -> None:
    def press() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)

    with pytest.raises(KeyboardInterrupt), Interrupt():
        press()


def run_until_held(cleanup_seconds: float) -> subprocess.Popen[str]:
    """A process inside the block, whose way out takes a while."""
    script = (
        "import sys, time\n"
        "from foldgrid.launching.interrupt import Interrupt\n"
        "try:\n"
        "    with Interrupt():\n"
        "        try:\n"
        "            print('in', flush=True)\n"
        "            time.sleep(60)\n"
        "        finally:\n"
        "            print('closing', flush=True)\n"
        f"            time.sleep({cleanup_seconds})\n"
        "            print('closed', flush=True)\n"
        "except KeyboardInterrupt as stop:\n"
        "    print(type(stop).__name__)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    return process


@pytest.mark.parametrize(
    ("number", "name"),
    [(signal.SIGINT, "KeyboardInterrupt"), (signal.SIGTERM, "Terminated")],
)
def test_the_first_signal_ends_the_block_in_order(number: signal.Signals, name: str) -> None:
    with run_until_held(cleanup_seconds=0.1) as process:
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    assert out == f"closing\nclosed\n{name}\n"


def test_the_second_signal_ends_the_process_at_once() -> None:
    with run_until_held(cleanup_seconds=60) as process:
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.readline() == "closing\n"
        pressed = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert time.monotonic() - pressed < 30
    assert process.returncode == 130
    assert "closed" not in out
    assert "Stopped at once." in err


def test_off_the_main_thread_it_does_nothing() -> None:
    before = signal.getsignal(signal.SIGINT)

    def enter() -> None:
        with Interrupt() as interrupt:
            interrupt.started("fit")

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is before
