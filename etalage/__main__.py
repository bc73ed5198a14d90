"""`python -m etalage`."""

from etalage.cli import main

if __name__ == "__main__":
    main()
