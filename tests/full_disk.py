"""A disk that takes no more."""

import resource
from contextlib import contextmanager


@contextmanager
def full_after(size):
    """No file grows beyond so many bytes: the write that would is cut short, and the next one is refused."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
