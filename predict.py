"""Fill holes: ``python predict.py --image I --mask M --model MODEL --output O``, the same as ``inlay predict ...``."""

from inlay.cli.predict import leave, main

if __name__ == "__main__":
    main()
    leave()
