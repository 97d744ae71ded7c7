"""Is a candidate better than the baseline, and is what was claimed of it so: blocks, statistics, verdict, report."""
