"""``inlay predict --image I --mask M --model MODEL --output O``: fill holes of pictures, or of folders of them."""

import os
import sys

from inlay.cli.prediction import as_typed, parse


def main() -> None:
    """Run; the exit status is 0 only when all pictures were written."""
    args = vars(parse())

    from inlay.errors import interrupted, reported  # heavy imports wait until the arguments are understood
    from inlay.printing import log_to_terminal, say

    log_to_terminal(as_typed)

    with reported(as_typed), interrupted():
        from inlay.pipeline import FillOptions
        from inlay.prediction import Request, predict

        how = FillOptions(**{name: args.pop(name) for name in ("strategy", "feather", "dilate", "blend", "batch")})
        for path in predict(Request(how=how, **args)):
            say(path)


def leave() -> None:
    """End at once: everything is written, and PyTorch would take most of a second to take itself down."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
    leave()
