"""`python -m cli` is `muvr`."""

import sys

from cli.main import main

sys.exit(main())
