"""Marks of launches: held while they live, cleared away when long gone; hearts that beat."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from foldgrid.search.storage.launches import KEPT_SECONDS, Heart, LaunchMark


def test_a_mark_is_held_until_it_is_released(tmp_path: Path) -> None:
    one, other = LaunchMark(tmp_path / "marks"), LaunchMark(tmp_path / "marks")
    assert other.is_gone(one.name), "it has not come"
    one.show()
    one.show()
    assert other.is_known(one.name)
    assert not other.is_gone(one.name)
    assert not one.is_gone(one.name)
    one.release()
    assert other.is_known(one.name), "it stays, to say that the launch is gone"
    assert other.is_gone(one.name)


def test_old_marks_are_cleared_away_unless_they_are_held(tmp_path: Path) -> None:
    held, gone, fresh, new = (LaunchMark(tmp_path) for _ in range(4))
    for mark in (held, gone, fresh):
        mark.show()
    gone.release()
    fresh.release()
    long_ago = time.time() - KEPT_SECONDS - 1
    for mark in (held, gone):
        os.utime(tmp_path / f"{mark.name}.launch", (long_ago, long_ago))
    new.show()
    assert [new.is_known(mark.name) for mark in (held, gone, fresh)] == [True, False, True]
    for mark in (held, new):
        mark.release()


def test_a_heart_beats_for_what_it_keeps_and_forgives_an_outage() -> None:
    beats: list[int] = []
    beaten = threading.Event()

    def beat(number: int) -> None:
        beats.append(number)
        if len(beats) == 2:
            raise ConnectionError
        if len(beats) > 4:
            beaten.set()

    heart = Heart(beat, 0.01, (ConnectionError,))
    heart.keep(7)
    assert beats == [7], "at once"
    assert beaten.wait(20)
    heart.release(7)
    heart.keep(8)
    heart.stop()
    num_beats = len(beats)
    assert 8 in beats
    time.sleep(0.1)
    assert len(beats) == num_beats


def test_the_first_beat_that_fails_is_reported() -> None:
    def beat(number: int) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        Heart(beat, 0.01, (ConnectionError,)).keep(1)
