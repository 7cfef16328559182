"""Messages, connections, and who is there."""
