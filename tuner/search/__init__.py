"""Which knobs a trial gets, and which trials end early."""
