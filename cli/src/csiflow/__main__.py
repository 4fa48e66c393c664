"""``python -m csiflow``: what the ``csiflow`` wrapper runs."""

import sys

try:
    from csiflow.main import app
except KeyboardInterrupt:  # Ctrl-C while the imports run; from then on the commands take care of it
    sys.stderr.write("\nstopped; nothing was begun\n")
    sys.exit(130)

app(prog_name="csiflow")
