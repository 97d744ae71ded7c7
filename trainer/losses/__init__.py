"""The terms of the loss, one file a term. Each is a plain function from tensors to a scalar tensor."""
