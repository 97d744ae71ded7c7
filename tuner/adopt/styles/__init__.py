"""Readers of options, one file a parser; each has `read(program) -> list[Option]`."""
