"""The course itself: its lessons, their exercises, and what works on this machine.

`python -m sjedu` is the same from a terminal. The modules that make and check the notebooks as files
(`notebooks`, `weave`, `normalise`, `readme`, `repository`) are for those who write lessons.
"""

from sjedu.course.environment import doctor, setup
from sjedu.course.exercises import Exercise, Feedback, WrongAnswer
from sjedu.course.lessons import LESSONS, Article, Lesson, lesson

__all__ = ["LESSONS", "Article", "Exercise", "Feedback", "Lesson", "WrongAnswer", "doctor", "lesson", "setup"]
