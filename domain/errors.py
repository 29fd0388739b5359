"""Errors that a user, a device or an operator can meet.

    MuvrError
    ├── InvalidInput            bytes or values from outside do not parse
    │   ├── InvalidFrame        a sensor frame breaks its limits
    │   ├── InvalidRecording    a recording file is malformed; names file, line and column
    │   ├── InvalidFile         a file of another program cannot be read; names file and line
    │   ├── InvalidArtefact     a model file is truncated, altered, unsigned or of a newer version
    │   └── InvalidArchive      an export, backup or receipt is truncated, altered or not of muvr
    ├── Rejected                a command was refused; nothing was stored, the session goes on
    │   ├── OutOfOrder          a frame came before its predecessor; says which one is expected
    │   ├── Overtaken           what it was to replace has been replaced meanwhile
    │   ├── Deleted             the session was deleted by its user; nothing of it is taken again
    │   ├── TooOften            what takes long was asked for again too soon
    │   └── Erased              all about the user was erased; nothing is taken under that name again
    ├── NotOwner                another node serves the user, or will in a moment; nothing was stored
    ├── NotAuthorised           the token is missing, wrong or lacks the scope
    │   └── TokenOver           it was good, and has expired or was revoked
    ├── TooSlow                 a device does not read what it is sent; it is cut off
    ├── StoreError              the store did not answer as it must
    │   ├── StoreUnavailable    nobody knows whether the write happened; recover before going on
    │   ├── StoreFull           the disk is full; nothing of the batch was written
    │   ├── StoreRejected       the store refuses the statement; nothing was written
    │   └── StoredValueCorrupt  a stored value cannot be read; names the row
    ├── ProcessFailed           a program that muvr started ended badly
    └── ConfigurationError      a setting, directory or port cannot be used

Each says what was wrong, what was expected and what to do; `code` is stable and travels to devices.
"""

from __future__ import annotations


class MuvrError(Exception):
    """Base of every error with an answer for the reader.

    `retry` says whether sending the same thing again can succeed.
    """

    code = "error"
    retry = False

    def __init__(self, wrong: str, *, expected: str = "", remedy: str = "") -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.expected = expected
        self.remedy = remedy

    def __str__(self) -> str:
        parts = [self.wrong]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.remedy:
            parts.append(self.remedy)
        return "; ".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword-only arguments do not survive pickling between processes by default.
        return (_rebuild, (type(self), self.wrong, self.expected, self.remedy, self.__dict__))


def _rebuild(
    kind: type[MuvrError], wrong: str, expected: str, remedy: str, state: dict[str, object]
) -> MuvrError:
    error = kind.__new__(kind)
    MuvrError.__init__(error, wrong, expected=expected, remedy=remedy)
    error.__dict__.update(state)
    return error


class InvalidInput(MuvrError):
    code = "invalid_input"


class InvalidFrame(InvalidInput):
    code = "invalid_frame"


class InvalidRecording(InvalidInput):
    code = "invalid_recording"


class InvalidFile(InvalidInput):
    code = "invalid_file"


class InvalidArtefact(InvalidInput):
    code = "invalid_artefact"


class InvalidArchive(InvalidInput):
    code = "invalid_archive"


class Rejected(MuvrError):
    code = "rejected"


class OutOfOrder(Rejected):
    """Frames of a stream are taken in order; `expected_sequence_nr` is the one to send next."""

    code = "out_of_order"
    retry = True

    def __init__(self, stream: str, got: int, expected_sequence_nr: int) -> None:
        super().__init__(
            f"frame {got} of stream {stream!r} came too early",
            expected=f"sequence number {expected_sequence_nr}",
            remedy="send again from there",
        )
        self.expected_sequence_nr = expected_sequence_nr


class Overtaken(Rejected):
    code = "overtaken"


class Deleted(Rejected):
    code = "deleted"


class TooOften(Rejected):
    code = "too_often"
    retry = True


class Erased(Rejected):
    code = "erased"


class NotOwner(MuvrError):
    code = "not_owner"
    retry = True


class NotAuthorised(MuvrError):
    code = "not_authorised"


class TokenOver(NotAuthorised):
    """Whoever has it was let in once."""


class TooSlow(MuvrError):
    code = "too_slow"
    retry = True


class StoreError(MuvrError):
    code = "store"
    retry = True


class StoreUnavailable(StoreError):
    code = "store_unavailable"


class StoreFull(StoreError):
    code = "store_full"


class StoreRejected(StoreError):
    code = "store_rejected"
    retry = False


class StoredValueCorrupt(StoreError):
    code = "stored_value_corrupt"
    retry = False


class ProcessFailed(MuvrError):
    code = "process_failed"


class ConfigurationError(MuvrError):
    code = "configuration"
