"""The folder that a program gets in front of its PYTHONPATH: ``sitecustomize`` and ``poolmgr_hook``, no more."""
