"""Floor 6: the screens. They see the model and the ``PoolControl`` Protocol, never the engine or the monitor."""
