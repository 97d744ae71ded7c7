"""Ways to start workers, one file each: `SETTINGS`, by name, and `launch(workers, say)`. Found by the file's name."""
