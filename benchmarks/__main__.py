"""`python -m benchmarks [--small] [NAME ...]`: every measurement, or those named, one after the other.

--small takes sizes with which all of them end within a few minutes: it shows that they run, not what they measure.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import subprocess
import sys

import benchmarks

if __name__ == "__main__":
    names = [module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name != "__main__"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}; default all")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in names]:
        parser.error(f"no measurement {unknown[0]!r}; there are: {', '.join(names)}")
    failed = []
    for name in options.names or names:
        print(f"\n== {name}", flush=True)
        small = importlib.import_module(f"benchmarks.{name}").SMALL if options.small else ()
        # In a process of its own: one may wait for all of its children, and another leave some behind.
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *small], check=False).returncode:
            failed.append(name)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)
