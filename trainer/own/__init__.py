"""A model class of the user's own in place of the built-in one; docs/own-model-and-script.md says what it has to be."""
