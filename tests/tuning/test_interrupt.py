"""A Ctrl-C that Python swallowed is not lost."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from foldgrid.tuning.interrupt import Interrupt


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


def test_off_the_main_thread_it_does_nothing() -> None:
    before = signal.getsignal(signal.SIGINT)

    def enter() -> None:
        with Interrupt() as interrupt:
            interrupt.started("fit")

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is before
