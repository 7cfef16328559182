"""Pictures: pygame draws each sprite once into an atlas; frames are put together from sprite numbers."""
