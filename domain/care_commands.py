"""Commands about how sets are done and what is prescribed: of devices, of coaches, of the session actor."""

from __future__ import annotations

import msgspec

from domain.errors import InvalidInput
from domain.form import KeptForm, SetForm, Tip
from domain.frames import EPOCH_MS_MAX
from domain.identifiers import DeviceId, SessionId, check_identifier
from domain.programme import Programme, check_programme


class RecordForm(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="form"):
    """The device measured a set that its own recogniser found, and perhaps gave a tip."""

    session: SessionId
    command_nr: int
    form: SetForm
    tip: Tip | None = None


class NoteForm(msgspec.Struct, frozen=True, kw_only=True):
    """The server measured a set; given by the session actor to itself. `kept` becomes the user's best."""

    session: SessionId
    form: SetForm
    kept: KeptForm | None


class GiveTip(msgspec.Struct, frozen=True, kw_only=True):
    """There is something to say about a set; given by the session actor to itself."""

    session: SessionId
    at_ms: int
    tip: Tip


class SetProgramme(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="set_programme"):
    """Whoever looks after the user prescribes, from `device`; known by its time, of no session."""

    device: DeviceId
    programme: Programme


class AskAdherence(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="ask_adherence"):
    """Whoever looks after the user asks what was done of the programme until `at_ms`."""

    at_ms: int


CareCommand = SetProgramme | AskAdherence


def check_care(command: CareCommand) -> CareCommand:
    """Return `command` if every field keeps its limits, else raise InvalidInput naming one that does not."""
    if isinstance(command, SetProgramme):
        check_identifier("device", command.device)
        check_programme(command.programme)
    elif not 0 <= command.at_ms <= EPOCH_MS_MAX:
        raise InvalidInput(
            f"at_ms {command.at_ms}", expected="ms since 1970, before 2100", remedy="correct the message"
        )
    return command
