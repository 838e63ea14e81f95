"""Loggers that send to a service: their failures never reach the run."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from inlay.errors import one_line

log = logging.getLogger(__name__)


Method = TypeVar("Method", bound=Callable[..., None])


def unfailing(method: Method) -> Method:
    """Decorate a method of a logger: instead of raising it gives the service up, with one warning.

    The logger has an attribute ``lost``, whether it was given up: then nothing more is sent.
    A service, its client, and the network between fail in more ways than can be listed; none is worth a run.
    """

    @wraps(method)
    def guarded(self: Any, *args: Any, **kwargs: Any) -> None:
        if self.lost:
            return
        try:
            method(self, *args, **kwargs)
        except Exception as error:
            give_up(self, error)

    return cast(Method, guarded)


def give_up(dashboard: Any, error: Exception) -> None:
    """Send nothing more, and say so."""
    dashboard.lost = True
    log.warning(
        "%s gave up (%s). Training goes on without; metrics.csv has the numbers.",
        type(dashboard).__name__, one_line(error),
    )  # fmt: skip
