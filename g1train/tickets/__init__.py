"""Work given out and counted; no torch."""
