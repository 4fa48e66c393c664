"""Exit codes of services: 0 stopped as asked, 1 failed and may be started again, 2 cannot run as configured."""

from __future__ import annotations

import sys
from collections.abc import Callable

from pydantic import ValidationError

from csi_runtime.errors import ConfigurationError

CANNOT_RUN_AS_CONFIGURED = 2
"""A supervisor does not start such a service again."""


def run_configured(service: str, main: Callable[[], int]) -> int:
    """Return the exit code of ``main``, or 2 when its configuration is at fault, with the reason on stderr."""
    try:
        return main()
    except (ConfigurationError, ValidationError) as error:
        sys.stderr.write(f"csi_{service}: {error}\n")
        return CANNOT_RUN_AS_CONFIGURED
