"""Gymnasium's face of the games."""
