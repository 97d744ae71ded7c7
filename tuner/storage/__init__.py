"""Opens the study storage; the queue, leases and everything else that leans on the inside of Optuna."""
