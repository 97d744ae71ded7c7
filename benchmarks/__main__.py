"""`python -m benchmarks`: every measurement, one after the other."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks

if __name__ == "__main__":
    for module in pkgutil.iter_modules(benchmarks.__path__):
        if module.name != "__main__":
            print(f"\n== {module.name}", flush=True)
            sys.argv = [module.name]
            importlib.import_module(f"benchmarks.{module.name}").main()
