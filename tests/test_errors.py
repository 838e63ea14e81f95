import pytest
from torch._utils import ExceptionWrapper

from inlay.errors import InlayError, reported


@pytest.fixture
def report(capsys):
    """What :func:`reported` prints of an action that fails, and the exit status."""

    def run(action):
        with pytest.raises(SystemExit) as stop, reported():
            action()
        printed = capsys.readouterr()
        assert printed.out == ""
        return printed.err, stop.value.code

    return run


def fail(error, cause=None):
    def action():
        raise error from cause

    return action


def test_mistake_is_one_line_and_status_1(report):
    assert report(fail(InlayError("masks: no such folder."))) == ("error: masks: no such folder.\n", 1)


def test_mistake_wrapped_by_a_library_is_found(report):  # as Hydra wraps what a constructor raises
    middle = ValueError("middle")
    middle.__cause__ = InlayError("inner.")
    assert report(fail(RuntimeError("outer"), middle)) == ("error: inner.\n", 1)


def test_mistake_with_a_cause_of_its_own_is_what_is_printed(report):
    assert report(fail(InlayError("ours."), OSError("theirs"))) == ("error: ours.\n", 1)


@pytest.mark.parametrize("cause", [None, OSError("theirs")])
def test_mistake_in_a_worker_is_its_last_line(report, cause):
    def worker():
        try:
            raise InlayError("a.png: not a picture.") from cause
        except InlayError:
            return ExceptionWrapper(where="in DataLoader worker process 0")

    assert report(worker().reraise) == ("error: a.png: not a picture.\n", 1)


@pytest.mark.parametrize("error", [ValueError("a defect"), KeyboardInterrupt(), SystemExit(3)])
def test_everything_else_passes(error):
    with pytest.raises(type(error)) as caught, reported():
        raise error
    assert caught.value is error


def test_mistake_merely_met_on_the_way_to_a_defect_is_not_reported():
    def handle():
        try:
            raise InlayError("met.")
        except InlayError:
            raise KeyError("a defect") from None

    with pytest.raises(KeyError), reported():
        handle()


def test_success_prints_nothing(capsys):
    with reported():
        pass
    assert capsys.readouterr() == ("", "")
