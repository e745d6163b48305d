"""Everything that trains and predicts with Keras."""
