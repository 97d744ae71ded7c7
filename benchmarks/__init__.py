"""Measurements, not tests: each module prints a table and says what it measured. SMALL: sizes for a quick look."""
