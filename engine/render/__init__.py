"""Pictures: pygame draws each sprite once into an atlas; frames are put together from sprite numbers."""

import os

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # before any file here imports pygame, which greets otherwise
