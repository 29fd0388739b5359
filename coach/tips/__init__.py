"""Tips on form and stop advice: at most one at a time, in plain words, with the figure behind it.

None when unsure, and never more than what was measured: no cause, no injury, no diagnosis.
"""

from coach.tips.judging import Judge, Judged
from coach.tips.prescribed import heart_tip

__all__ = ["Judge", "Judged", "heart_tip"]
