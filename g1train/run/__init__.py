"""What a run leaves, shows and owns."""
