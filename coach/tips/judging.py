"""What there is to say about a set: at most one tip, at its end or, when it matters, while it goes on.

The same code runs on a server and on a device without network. `Judge` is a user's: what is prescribed, and
the references that sets are compared with: the model's, which a physiotherapist recorded, before the user's
own best.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from coach.form import Form, FormReference, Movement, compare, is_better, kept, learn, measure, unpacked
from coach.tips.prescribed import limit_tip, within
from coach.tips.signs import REPETITIONS_MIN, signs
from coach.tips.words import of_sign
from domain.care import Care
from domain.errors import InvalidInput
from domain.form import KeptForm, SetForm, Tip

CONFIDENCE_MIN = 0.5  # of the repetitions: nothing is said of what was hardly understood
FIRST = 3  # repetitions that stand for the reference where there is none


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A set in figures, the tip about it, if there is one, and what becomes the user's best, if it does."""

    form: SetForm
    tip: Tip | None
    kept: KeptForm | None


@dataclass(frozen=True, kw_only=True)
class Judge:
    """`references` by exercise: those that go with the model in use."""

    care: Care
    references: Mapping[str, FormReference] = field(default_factory=dict)

    def after(
        self, movement: Movement, exercise: str, repetitions: int, start_ms: int, end_ms: int
    ) -> Judged | None:
        """Of a set of `exercise` that has ended; None if no repetitions were found in it.

        `repetitions` are all of the set, of which `movement` may be the latest part.
        """
        found = movement.found
        if not found.count:
            return None
        compared = self._compared(movement, exercise)
        shares = self._shares(movement, compared)
        prescription = self.care.programme.of(exercise)
        form = SetForm(
            start_ms=start_ms,
            end_ms=end_ms,
            exercise=exercise,
            repetitions=repetitions,
            tempo_s=round(float(np.median(found.tempo_s)), 3),
            reach=round(float(np.median(found.ranges)), 6),
            reach_share=None if compared is None else round(float(np.median(compared.range_ratio)), 4),
            within=None if prescription is None else within(prescription, found.tempo_s, shares),
        )
        tip = limit_tip(prescription, repetitions, found.tempo_s, shares, exercise)
        sure = found.confidence >= CONFIDENCE_MIN
        if tip is None and sure:
            tip = _clearest(movement, exercise)
        best = self._best(movement, exercise) if tip is None and sure else None
        return Judged(form=form, tip=tip, kept=best)

    def during(self, movement: Movement, exercise: str, repetitions: int) -> Tip | None:
        """Of a set that goes on: only what cannot wait, because a limit is passed that was prescribed."""
        prescription = self.care.programme.of(exercise)
        if prescription is None or not movement.found.count:
            return None
        shares = self._shares(movement, self._compared(movement, exercise))
        return limit_tip(prescription, repetitions, movement.found.tempo_s, shares, exercise, stops_only=True)

    def _compared(self, movement: Movement, exercise: str) -> Form | None:
        reference = self._reference(exercise)
        if reference is None or reference.course.shape[1] != movement.values.shape[1]:
            return None
        return compare(reference, movement)

    def _reference(self, exercise: str) -> FormReference | None:
        if (given := self.references.get(exercise)) is not None:
            return given
        own = self.care.forms.get(exercise)
        return None if own is None else unpacked(own)

    def _shares(self, movement: Movement, compared: Form | None) -> npt.NDArray[np.float64]:
        """How far each repetition went, as a share of the reference or of the set's first ones."""
        if compared is not None:
            return compared.range_ratio
        ranges = movement.found.ranges
        return np.asarray(ranges / max(float(np.median(ranges[:FIRST])), 1e-9))

    def _best(self, movement: Movement, exercise: str) -> KeptForm | None:
        """The set, if it is from now on what later ones are compared with."""
        if movement.found.count < REPETITIONS_MIN:
            return None
        try:
            fresh = learn([movement])
        except InvalidInput:
            return None
        known = self.care.forms.get(exercise)
        return kept(fresh) if known is None or is_better(fresh, known) else None


def _clearest(movement: Movement, exercise: str) -> Tip | None:
    """The tip about the sign that passes its limits by most."""
    figures = measure(movement)
    found = max(signs(figures), key=lambda sign: sign.exceeds, default=None)
    if found is None or found.exceeds < 1:
        return None
    return of_sign(found, exercise, figures.count)
