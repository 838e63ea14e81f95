"""``python -m inlay``: the ``inlay`` command."""

from inlay.cli import main

if __name__ == "__main__":
    main()
