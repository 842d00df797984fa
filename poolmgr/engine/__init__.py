"""Floor 2: the pool itself. See ``dispatcher.py`` for the picture of who runs what."""
