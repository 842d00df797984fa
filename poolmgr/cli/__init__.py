"""Floor 7: the command line. Alone may print."""
