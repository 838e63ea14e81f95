"""Fill holes: ``python predict.py --image I --mask M --model MODEL --output O``, as ``inlay predict ...`` does."""

from inlay.cli.predict import main

if __name__ == "__main__":
    main()
