"""Floor 5: what feeds a pool: the demos."""
