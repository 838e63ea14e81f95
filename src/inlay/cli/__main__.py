"""``python -m inlay.cli``."""

from inlay.cli import main

if __name__ == "__main__":
    main()
