"""How tickets are played: workers and what they do."""
