"""What a user can mend."""

from __future__ import annotations


class EvaluationError(ValueError):
    """An evaluation cannot be done as asked; the message says what was wrong, where, and what to do."""
