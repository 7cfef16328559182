"""The inference node: one process that answers what all workers ask, whichever backend it runs."""
