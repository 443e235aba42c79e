"""`python -m lmlink`: the command `lmlink`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
