"""The files of a run's folder, word by word.  Every word has ONE writer.

A word is a signed 64-bit integer of this machine; times are CLOCK_MONOTONIC in ns.  Files are found by their names
(``files.py``), and a pool's workers by its PIPE: the inode of the pipe from which they take their tasks, which is the
same number in the owner and in all workers, whatever the start method.

Cells: ``cells.PID``, 24 KiB, of a worker.  Written by the worker, in its main thread, but for those of which it is
said.

    LAYOUT   VERSION, written last when the file is made: before that there is nothing to read
    PID      the worker
    BORN     when it made this file
    PIPE     inode of the pipe from which it takes tasks
    READY    when its initializer was done and it asked for its first task; 0 before
    TASK     odd while it is in a task, even between two: the nth task is 2n - 1.  What JOB to ITEMS say holds while
             TASK is odd, and is written before TASK becomes odd: who reads TASK, them and TASK again, and finds the
             same odd number, has read what belongs together
    JOB      number of the job (stock Pool: that of its result; executors: the work id)
    INDEX    which task of the job; 0 for those with one
    NAME     number of the function's name in the names
    ITEMS    items of the task: a chunk of a map has several
    SINCE    when it began
    SENDING  the TASK whose result is being sent, written before it is: a worker that died with both the same may have
             sent it
    DONE     tasks that ended without an error
    FAILED   tasks that ended with one
    MORE     items of both, beyond one for each task
    BUSY     ns in tasks that have ended
    RING     finished tasks ever written to the ring
    NAMES    names ever written
    LEFT     when it left its loop; 0 before
    STACKS   descriptor of the memory that it writes its stacks into on a signal, -1 for none
    SOFT     the signal that has it look at STOP, 0 for none
    STOPPED  the TASK inside which it raised JobStopped
    LEAVE    by the pool's owner: 1 has the worker leave when it next asks for a task
    STOP     by who watches the run: the TASK that is to be stopped, written before the signal is sent
    KILLED   by who watches the run: the TASK for whose sake the worker is killed, written before it is
    STARTED  when its process started, in the kernel's ticks (the 22nd field of /proc/PID/stat): a number of a process
             may be used again, and this tells whether it was
    BURIED   by the pool's owner: 1 when it has seen that the worker has ended, and has looked at these cells.  A stock
             Pool needs them until then
    HOLD     by who watches the run: 1 has the worker wait before it calls what it has taken.  The worker writes it
             once, before LAYOUT: 1 if there is a file ``hold.PIPE`` in the run's folder

Record: ``pool.PID.N``, 44 KiB, of a pool.  Written by the owner's process, but for WISH.

    LAYOUT, PID, BORN, PIPE, RING, NAMES   as above, of the owner and for the ring of submissions
    WANTED   workers that the pool is to have
    WORKERS  workers that it has
    STATE    OPEN, CLOSED, TERMINATED or GONE
    SUBMITTED, FINISHED   jobs
    BATCHES  of those submitted, the maps: all others have one task with one item
    TASKS    tasks of all maps whose number of tasks was known when they were submitted
    UNSIZED  maps of which it was not
    ITEMS    items of all maps whose length was known
    GOOD, BAD   results that came back
    BEAT     when the owner's own thread last looked around, which it does now and then
    LOST     tasks that failed because their worker died
    DEATHS   workers that died inside a task, or with an exit code other than 0
    ENDS     jobs ever written to the ring of ends
             Of jobs that are submitted, or end, in quick succession only some get into the rings (``record.py``)
    WISH     by who watches the run: in its lowest 16 bits, workers that the pool should have; 0 for no wish.  The owner
             takes it up when its bell rings, and WANTED then says so
    FACTS    bytes of the facts, a Python literal: a dict of str, written once before LAYOUT

Names, in both: slots of a number (one word, that of NAMES when it was written) and a text.  The nth name is in slot n
modulo their number; a slot whose number is another one has been used again, and the name is not known any more.

Rings, in both: the nth entry is in slot n modulo their length, and is written before its counter.

Texts, in the cells: one beside each slot of the ring of finished tasks.  The arguments are written before TASK becomes
odd, into the slot that the task will have if it gets into the ring: that of RING while it runs.  The result is written
with its entry.  Both are UTF-8, and end at the first zero byte.  Arguments of which the first byte is ONE_INT are one
int alone, the word behind it: to write it out would take longer than all the rest.

Failures: ``errors.PID``, 100 KiB, of a process that owns pools of which jobs have failed.  Slots of a number (one
word), the error in one line, and its traceback, as texts.  The nth failure is in slot n modulo their number; a slot
whose number is another one has been used again, or is being written.  An entry of the ring of ends has the number of
its failure, -1 for none.
"""

from __future__ import annotations

import struct

VERSION = 5

# The cells.
LAYOUT, PID, BORN, PIPE, READY, TASK, JOB, INDEX, NAME, ITEMS, SINCE, SENDING = range(12)
DONE, FAILED, MORE, BUSY, RING, NAMES, LEFT, STACKS, SOFT, STOPPED = range(12, 22)
LEAVE, STOP, KILLED, HOLD, STARTED, BURIED = range(22, 28)

CELLS_SIZE = 24576
#: Words that there is room for before the names.
WORDS = 64
NAME_SIZE = 96
#: Bytes of a name's text.
NAME_TEXT = NAME_SIZE - 8
CELL_NAMES_AT, CELL_NAMES = 512, 16
#: A finished task: job, began, ended, index, items, number of its name, outcome.
ENTRY = struct.Struct("@qqqiiqb7x")
CELL_RING_AT, CELL_RING = 2048, 56
#: Bytes of the texts of a task: its arguments, its result.
ARGS_SIZE, RESULT_SIZE = 240, 80
TEXT_SIZE = ARGS_SIZE + RESULT_SIZE
ONE_INT, INT = 1, struct.Struct("=bq")
CELL_TEXTS_AT = 4736

# The record.
(P_LAYOUT, P_PID, P_BORN, P_PIPE, P_WANTED, P_WORKERS, P_STATE, P_SUBMITTED, P_FINISHED, P_BATCHES, P_TASKS) = range(11)
(P_UNSIZED, P_ITEMS, P_GOOD, P_BAD, P_BEAT, P_LOST, P_DEATHS) = range(11, 18)
(P_RING, P_ENDS, P_NAMES, P_FACTS, P_WISH) = range(18, 23)

RECORD_SIZE = 45056
FACTS_AT, FACTS_SIZE = 512, 3584
RECORD_NAMES_AT, RECORD_NAMES = 4096, 32
#: A job that was submitted: job, when, tasks (-1 unknown), items (-1 unknown), number of its name, kind.
SUBMISSION = struct.Struct("@qqqqqb7x")
SUBMISSIONS_AT, SUBMISSIONS = 8192, 400
#: A job that has ended: job, when, number of its failure, outcome.
END = struct.Struct("@qqqb7x")
ENDS_AT, ENDS = 28672, 512

# The failures.
ERRORS_SIZE = 102400
#: Failures that are there at the same time, and bytes of each: its number, the line, the traceback.
FAILURES, LINE_SIZE, TRACE_SIZE = 25, 504, 3584
FAILURE_SIZE = 8 + LINE_SIZE + TRACE_SIZE

#: The bits of WISH that say how many; those above make each wish another one than the last.
WISH_SIZE = 0xFFFF

#: How a task or job ended.
OK, ERROR, WORKER_LOST = range(3)
#: What was called: apply_async() or submit(), map_async() and starmap_async(), imap(), imap_unordered().
APPLY, MAP, IMAP, IMAP_UNORDERED = range(4)
#: What a pool is.
OPEN, CLOSED, TERMINATED, GONE = range(4)
