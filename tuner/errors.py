"""What can go wrong, and with which exit code it ends.

ValueError
└── InputError    (trainer.errors) wrong usage or input: exit code 2
RuntimeError
├── RunError      broke under way: exit code 1
└── UserCodeError (trainer.errors) the user's own model or script failed: the trial fails with the message
KeyboardInterrupt interrupted: exit code 130
"""

from __future__ import annotations

from trainer.errors import InputError, UserCodeError, unknown

__all__ = ["InputError", "RunError", "UserCodeError", "unknown"]


class RunError(RuntimeError):
    """Something broke that is not the user's input; the message is meant for them."""
