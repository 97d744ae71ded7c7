"""Find things by their file name: a module in a package directory is one choice that a user can name."""

import importlib
import importlib.util
import pkgutil
from types import ModuleType

from trainer.errors import InputError, unknown


def names(package: str) -> list[str]:
    """Sorted module names in `package`, without those that start with "_"; imports none of them.

    Raises ModuleNotFoundError where `package` (dotted) is not a package: the program's mistake, not a user's.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"{package!r} is not a package", name=package)
    found = pkgutil.iter_modules(spec.submodule_search_locations)
    return sorted(module.name for module in found if not module.name.startswith("_"))


def load(package: str, name: str, what: str) -> ModuleType:
    """Import `package.name`.

    Raises InputError, which calls the thing `what` ("data source", "loss") and lists what there is, where the
    name is unknown. An import error inside a module that does exist is not caught.
    """
    known = names(package)
    if name not in known:
        raise InputError(unknown(what, name, known))
    return importlib.import_module(f"{package}.{name}")
