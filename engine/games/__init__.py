"""Rules in words, one file a game, by the same stem as its kernels in native/."""
