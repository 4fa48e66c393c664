"""``csiflow agent``: the wifiscan agent's own command line."""

from __future__ import annotations

import typer
from csi_wifiscan.main import main

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""The agent is installable alone and reads its own arguments, ``--help`` included."""


def agent(context: typer.Context) -> None:
    """Make this host a node: scan its access points and send their signal strengths to ingest.

    Examples:

      csiflow agent --list

      csiflow agent --to 192.0.2.7:5005

      csiflow agent parse netsh networks.txt --json
    """
    raise typer.Exit(main(context.args, "csiflow agent"))
