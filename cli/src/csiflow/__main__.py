"""``python -m csiflow``: what the ``csiflow`` wrapper runs."""

from csiflow.main import app

app(prog_name="csiflow")
