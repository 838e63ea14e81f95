from concurrent.futures import ThreadPoolExecutor
from threading import Event
from unittest.mock import Mock

import pytest

from inlay.app.limits import Limits, SerialExecutor
from inlay.errors import InlayError


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        *(({name: 0}, f"{name} must be above 0, got 0") for name in vars(Limits())),
        *(({"seconds": value}, "seconds must be") for value in (float("nan"), float("inf"), 1e300)),
        ({"megabytes": 100, "kept_megabytes": 50}, "kept_megabytes=50"),
    ],
)
def test_limits_that_mean_nothing_are_refused(limits, says):
    with pytest.raises(InlayError, match=says):
        Limits(**limits)


def test_an_answer_comes_back_and_so_does_an_error_also_a_timeout_of_the_work_itself():
    turns = SerialExecutor(60)
    with pytest.raises(ZeroDivisionError):
        turns.run(lambda: 1 / 0)
    with pytest.raises(TimeoutError, match="a server"):
        turns.run(Mock(side_effect=TimeoutError("a server")))
    assert turns.run(lambda: 8) == 8


def test_work_that_takes_too_long_is_given_up_and_nothing_begins_before_it_ends():
    turns, end, second = SerialExecutor(0.01), Event(), Mock()
    with pytest.raises(InlayError, match=r"more than 0\.01 seconds.*--seconds"):
        turns.run(lambda: end.wait(60))
    with pytest.raises(InlayError, match="still at work"):
        turns.run(second)
    assert not second.called
    end.set()
    assert turns._last.result(60)
    turns.seconds = 60
    assert turns.run(lambda: 9) == 9


@pytest.mark.stranger("B.19")
def test_who_waits_when_the_page_ends_is_told_so_at_once():
    turns, end, began = SerialExecutor(60), Event(), Event()
    with ThreadPoolExecutor() as visitors:
        waiting = visitors.submit(turns.run, lambda: began.set() or end.wait(60))
        assert began.wait(60)
        turns.stop()
        for asked in (lambda: waiting.result(60), lambda: turns.run(lambda: 7)):
            with pytest.raises(InlayError, match="Start it again"):
                asked()
    end.set()
