"""An agent at play, for people to see."""
