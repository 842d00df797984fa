"""Floor 1: what a running pool has on disk and in the kernel."""
