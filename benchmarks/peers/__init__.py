"""Ourselves and what people use today, side by side on the same work. One file a contender."""

SMALL = ("--data", "htad", "--trials", "4", "--epochs", "4", "--rounds", "1", "--out", "build/peers-small", "--fresh")
"""The small form: a look at whether all of it runs, with nothing to conclude from."""


def main() -> None:
    """`python -m benchmarks.peers`."""
    from benchmarks.peers.compare import main

    main()
