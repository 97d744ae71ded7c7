"""The study file: its fields and rules, how it is read, written and explained."""
