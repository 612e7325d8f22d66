"""Errors that a user can cause: each is one sentence with its remedy, never a traceback."""


class RunError(RuntimeError):
    """What was asked for could not be done, or a part of it died; one sentence."""
