"""The loops, each readable as the paper's algorithm."""
