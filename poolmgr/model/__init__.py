"""Floor 0: the words of poolmgr and its pure rules. Standard library only; no process, no clock, no I/O."""
