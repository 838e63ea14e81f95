"""Loggers that send to a service: their failures never reach the run."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol, TypeVar, cast

from inlay.errors import one_line

log = logging.getLogger(__name__)


class Dashboard(Protocol):
    """A logger that sends to a service."""

    lost: bool
    """Whether the service was given up."""


Method = TypeVar("Method", bound=Callable[..., None])


def unfailing(method: Method) -> Method:
    """Decorate a method of a :class:`Dashboard`: instead of raising it gives the service up, with one warning.

    A service, its client, and the network between fail in more ways than can be listed; none is worth a run.
    """

    @wraps(method)
    def guarded(self: Dashboard, *args: Any, **kwargs: Any) -> None:
        if self.lost:
            return
        try:
            method(self, *args, **kwargs)
        except Exception as error:
            give_up(self, error)

    return cast(Method, guarded)


def give_up(dashboard: Dashboard, error: Exception) -> None:
    """Send nothing more, and say so."""
    dashboard.lost = True
    log.warning(
        "%s gave up (%s). Training goes on without; metrics.csv has the numbers.",
        type(dashboard).__name__, one_line(error),
    )  # fmt: skip
