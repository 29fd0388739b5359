"""What there is to say about a set: at most one tip, at its end or, when it matters, while it goes on.

The same code runs on a server and on a device without network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from coach.form import Form, FormReference, Movement, compare, is_better, kept, learn, measure, unpacked
from coach.tips.collapsing import collapse_tip
from coach.tips.differing import difference_tip
from coach.tips.prescribed import limit_tip, within
from coach.tips.siding import side_tip
from coach.tips.signs import REPETITIONS_MIN, signs
from coach.tips.words import of_sign
from domain.care import Care
from domain.form import KeptForm, SetForm, Tip

CONFIDENCE_MIN = 0.5  # of the repetitions: nothing is kept or compared that was hardly understood
FIRST = 3  # repetitions that stand for the reference where there is none


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A set in figures, the tip about it, if there is one, and what becomes the user's best, if it does."""

    form: SetForm
    tip: Tip | None
    kept: KeptForm | None


@dataclass(frozen=True, kw_only=True)
class Judge:
    """A user's: what is prescribed, and what sets are compared with.

    `references` by exercise go with the model in use, which a physiotherapist had recorded; they come before
    the user's own best.
    """

    care: Care
    references: Mapping[str, FormReference] = field(default_factory=dict)

    def after(
        self,
        movement: Movement,
        exercise: str,
        repetitions: int,
        start_ms: int,
        end_ms: int,
        *,
        sides: tuple[Movement, Movement] | None = None,
    ) -> Judged | None:
        """Of a set of `exercise` that has ended; None if no repetitions were found in it.

        `repetitions` are all of the set, of which `movement` may be the latest part; `sides` the same on the
        left and on the right.
        """
        found = movement.found
        if not found.count:
            return None
        compared = self._compared(movement, exercise)
        shares = _shares(movement, compared)
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
        tip = tip or _clearest(movement, exercise)
        if found.confidence < CONFIDENCE_MIN:
            return Judged(form=form, tip=tip, kept=None)
        if tip is None and sides is not None:
            tip = side_tip(*sides, exercise)
        if tip is None and compared is not None:
            tip = difference_tip(compared, self._reference(exercise), exercise)
        return Judged(form=form, tip=tip, kept=self._best(movement, exercise) if tip is None else None)

    def during(self, movement: Movement, exercise: str, repetitions: int) -> Tip | None:
        """Of a set that goes on: only what cannot wait until it ends."""
        found = movement.found
        if not found.count:
            return None
        tip = None
        if (prescription := self.care.programme.of(exercise)) is not None:
            shares = _shares(movement, self._compared(movement, exercise))
            tip = limit_tip(prescription, repetitions, found.tempo_s, shares, exercise, stops_only=True)
        return tip or (collapse_tip(found, exercise) if found.confidence >= CONFIDENCE_MIN else None)

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

    def _best(self, movement: Movement, exercise: str) -> KeptForm | None:
        """The set, if it is from now on what later ones are compared with."""
        if movement.found.count < REPETITIONS_MIN:
            return None
        fresh, known = learn([movement]), self.care.forms.get(exercise)
        return kept(fresh) if known is None or is_better(fresh, known) else None


def _shares(movement: Movement, compared: Form | None) -> npt.NDArray[np.float64]:
    """How far each repetition went, as a share of the reference or of the set's first ones."""
    if compared is not None:
        return compared.range_ratio
    ranges = movement.found.ranges
    return np.asarray(ranges / max(float(np.median(ranges[:FIRST])), 1e-9))


def _clearest(movement: Movement, exercise: str) -> Tip | None:
    """The tip about the sign that passes its limits by most."""
    figures = measure(movement)
    found = max(signs(figures), key=lambda sign: sign.exceeds, default=None)
    if found is None or found.exceeds < 1:
        return None
    return of_sign(found, exercise, figures.count)
