"""The course itself: its lessons, their claims and exercises, and what works on this machine.

`python -m sjedu` is the same from a terminal. The modules that make and check the notebooks as files
(`notebooks`, `weave`, `normalise`, `readme`, `repository`) are for those who write lessons.
"""

from sjedu.course.claims import Claim, ClaimSheet, Verdict, about, at_most, below
from sjedu.course.environment import doctor, setup
from sjedu.course.exercises import Exercise, Feedback, WrongAnswer
from sjedu.course.lessons import LESSONS, Article, Lesson, lesson

__all__ = [
    "LESSONS",
    "Article",
    "Claim",
    "ClaimSheet",
    "Exercise",
    "Feedback",
    "Lesson",
    "Verdict",
    "WrongAnswer",
    "about",
    "at_most",
    "below",
    "doctor",
    "lesson",
    "setup",
]
