"""What the operating system gives: places, names, signals, devices, addresses."""
