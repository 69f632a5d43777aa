"""The helpers of the course. Each function is written out once in the notebook its docstring names."""


class CourseError(ValueError):
    """A mistake that can be explained: the message says what is wrong, where, and what to do next."""
