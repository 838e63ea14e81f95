"""The one range that seeds have, wherever they are given."""

from inlay.errors import InlayError

LAST_SEED = 2**32 - 1
"""NumPy's own generators, which libraries use, take no larger one."""


def check_seed(seed: int, name: str = "seed") -> None:
    """Refuse a seed out of range.

    Args:
        seed: a whole number.
        name: what the message calls it.

    Raises:
        InlayError: it is below 0 or above :data:`LAST_SEED`.
    """
    if not 0 <= seed <= LAST_SEED:
        raise InlayError(f"{name} must be from 0 to {LAST_SEED}, got {seed}.")
