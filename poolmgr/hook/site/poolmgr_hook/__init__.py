"""poolmgr's hook: what runs inside a program that knows nothing of it.

A guest: standard library only, no thread of its own, nothing printed, no descriptor below 3, and whatever goes wrong
here leaves the program as it would be without.  So ``except Exception`` stands around the hook's own code, not only
around users' code as elsewhere; what went wrong is written to the run's folder (:func:`poolmgr_hook.files.note`).

    layout     the files of the run's folder, word by word: shared with who reads them (lock_table.py: those of locks)
    files      opens them
    finder     patches modules when the program imports them, so that none is imported for the hook's sake
    patches    which modules, and who patches them; shape.py looks first whether they are as expected
    pool       the stock Pool: what its owner keeps (owner.py, record.py), what it is told (bell.py, burial.py)
    executor   ProcessPoolExecutor and loky, with their owner
    worker     what a worker of either notes (cells.py, names.py), and takes: a stop, a hold, a look (stacks.py)
    brief      values in short, for the arguments and results that a worker notes
    failures   the texts of the errors that jobs failed with; window.py says how many in a while
    errors     what jobs fail with if poolmgr had a hand in it
    locks      locks, queues, pipes and shared values (lock_objects.py)
    engine     ``--engine poolmgr``

Thread: the main one, while the interpreter starts.
"""

from __future__ import annotations


def start() -> None:
    """Tell that this interpreter is here, and patch what it has imported or will import."""
    from . import files, patches

    if files.hello():
        patches.install()
