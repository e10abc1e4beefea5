"""What can go wrong, by who can mend it."""


class NimbertError(Exception):
    """All errors of this package, beside those that Python has itself: TypeError, MemoryError."""


class ModelError(NimbertError):
    """A model that is not there, is damaged, or asks for what is not computed. The message names the file and what is wrong in it."""


class TaskError(ModelError):
    """A model that was made for something else: the message says for what."""


class OptionError(NimbertError, ValueError):
    """An option that makes no sense, here or for this model."""


class InputError(NimbertError, ValueError):
    """A text, pair or row of ids that has no answer.

    `index` is its place among those of the call, from 0; `reason` is what is wrong with it.
    """

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"text {index}: {reason}")
        self.index = index
        self.reason = reason

    def __reduce__(self) -> tuple[type["InputError"], tuple[int, str]]:
        return type(self), (self.index, self.reason)
