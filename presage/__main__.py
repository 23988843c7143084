"""`python -m presage` is the command `presage`."""

import sys

from presage.cli import main

sys.exit(main())
