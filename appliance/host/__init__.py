"""The host under the loop: what is tuned, what is checked, and how all of it is put back.

Three nouns. A *stage* (``stages/``, one per file) looks at one area of the host and says which
*settings* differ from what the loop wants. A *kind* (``kinds.py``) knows how one sort of setting is
read and written. The *journal* (``journal.py``) holds the former value of everything written, on
disk before the write, so that undo is exact after any crash. Nothing else writes to the host.
"""
