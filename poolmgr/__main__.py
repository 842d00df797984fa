"""``python -m poolmgr`` is ``poolmgr``."""

from poolmgr.cli import main

if __name__ == "__main__":
    main()
