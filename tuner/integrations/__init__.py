"""Callbacks of other trainers that report to the tuner; outside of a trial they do nothing."""
