"""One file a data source: a docstring and `read() -> Raw`, or `read(path) -> Raw` where it reads a file."""
