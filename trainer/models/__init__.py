"""The model that is trained, and what it is made of."""
