"""Claims trials, trains them, reports, judges who goes on, and tells how each ended."""
