"""How a set was done: figures of each repetition, and how they compare with a reference; no judgements.

`figures.py` measures a set for itself, `reference.py` against one that was done as it should be.
"""

from coach.form.figures import RepetitionFigures, measure
from coach.form.keeping import is_better, kept, unpacked
from coach.form.movement import Movement
from coach.form.reference import COURSE_POINTS, Form, FormReference, compare, learn
from coach.form.sides import Sides, compare_sides

__all__ = [
    "COURSE_POINTS",
    "Form",
    "FormReference",
    "Movement",
    "RepetitionFigures",
    "Sides",
    "compare",
    "compare_sides",
    "is_better",
    "kept",
    "learn",
    "measure",
    "unpacked",
]
