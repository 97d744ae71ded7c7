"""`python -m tuner` and the script `tuner`: run a verb, turn what went wrong into one message and an exit code."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from traceback import format_exc


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a verb; arguments: those of the command line where None.

    Exit codes: 0 done, 1 failed, 2 wrong usage or input, 130 interrupted.
    """
    # Telemetry of dependencies is off, whoever imports them first.
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        os.environ.setdefault(name, "true")
    # Loading libraries and reading a large study make many objects and no garbage; looking for some took a fifth of it.
    gc.set_threshold(100_000, 20, 20)
    # Nor at the end, where Python looks through all of them before the system takes them anyway: seconds.
    atexit.register(gc.freeze)
    from tuner.system.installation import foreign

    if wrong := foreign():
        _leave(f"error: {wrong}", 1)
    from tuner.cli import app
    from tuner.errors import InputError, RunError
    from tuner.system.cause import first_line, root_cause
    from tuner.system.interrupt import Interrupted
    from tuner.system.output import tolerant

    tolerant()
    try:
        app(args=arguments, prog_name="tuner")
    except InputError as error:
        _leave(f"error: {error}", 2)
    except (RunError, OSError) as error:
        _leave(f"error: {error}", 1)
    except Interrupted:
        _leave("interrupted; what was under way goes back into the queue; the same command again goes on", 130)
    except KeyboardInterrupt:
        _leave("interrupted", 130)
    except Exception as error:
        # Databases fail in many classes; naming them here would mean importing all of them for `--help`.
        if type(error).__module__.partition(".")[0] in ("optuna", "sqlalchemy", "sqlite3", "mlflow", "grpc"):
            why = first_line(root_cause(error))
            _leave(f"error: the storage failed: {why}. Nothing is lost; start again to resume", 1)
        _leave(format_exc(), 1)


def _leave(message: str, code: int) -> None:
    from trainer.text import printable
    from tuner.system.masking import masked
    from tuner.system.output import shortened

    text = printable(masked(message), keep="\n\t")
    print(text if code == 1 and "Traceback" in text else shortened(text), file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
