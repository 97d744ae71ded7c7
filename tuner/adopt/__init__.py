"""`tuner adopt`: from a stranger's training script to a study file, by reading it and by short runs of it."""
