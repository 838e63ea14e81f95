"""Processes behind a map: the order stays, the memory is bounded, whatever goes wrong comes out."""

import itertools
import math
import operator
import os

import pytest

from inlay.data.pictures import decode_picture
from inlay.errors import BadFile, InlayError
from inlay.parallel import _AHEAD, _CHUNK, cores, ordered_map


@pytest.mark.parametrize(("workers", "count"), [(0, 163), (1, 163), (2, 5 * _CHUNK + 3), (2, 0)])
def test_order_and_number_stay(workers, count):
    assert list(ordered_map(operator.neg, range(count), workers)) == [-thing for thing in range(count)]


def test_other_processes_work():
    assert os.getpid() not in set(ordered_map(eval, ["__import__('os').getpid()"] * 3, 2))
    assert list(ordered_map(eval, ["__import__('os').getpid()"], 1)) == [os.getpid()]


def test_slow_ones_are_waited_for():
    sleeps = [f"[__import__('time').sleep({seconds}), {n}][1]" for n, seconds in enumerate([0.2] + [0] * 2 * _CHUNK)]
    assert list(ordered_map(eval, sleeps, 2)) == list(range(len(sleeps)))


def test_what_is_endless_is_asked_for_only_as_needed():
    asked = []
    results = ordered_map(operator.neg, (asked.append(n) or n for n in itertools.count()), 2)
    assert [next(results) for _ in range(2 * _CHUNK)] == [-n for n in range(2 * _CHUNK)]
    results.close()
    assert len(asked) <= (2 * _AHEAD + 2) * _CHUNK


@pytest.mark.parametrize("workers", [0, 2])
def test_what_the_function_raises_comes_out_behind_the_results_before_it(workers, tmp_path):
    results = ordered_map(math.sqrt, [4] * _CHUNK + [-1], workers)
    assert [next(results) for _ in range(_CHUNK)] == [2] * _CHUNK
    with pytest.raises(ValueError, match="math domain"):
        next(results)
    with pytest.raises(BadFile) as caught:
        list(ordered_map(decode_picture, [tmp_path / "none.jpg"], workers))
    assert (caught.value.path, caught.value.reason) == (str(tmp_path / "none.jpg"), "no such file. Check the path.")


def test_a_process_that_is_killed_is_no_riddle():
    with pytest.raises(InlayError, match="a worker process was killed, perhaps for want of memory"):
        list(ordered_map(os._exit, [1], 2))


def test_cores_are_those_this_process_may_use():
    assert 1 <= cores() <= os.cpu_count()
