"""Floor 4: the makers of ``PoolControl``."""
