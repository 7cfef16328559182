"""A person's face of the games."""
