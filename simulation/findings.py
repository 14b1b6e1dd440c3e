"""What can be found: something that must hold does not."""


class Found(AssertionError):
    """Something that must hold does not.

    Found
    ├── Lost         what was accepted is not there, or does not go on
    ├── Doubled      an order is claimed or executed twice, or for too much, or a request answered twice
    ├── Divergent    a copy differs from its source, or two utilities answer differently
    └── Unbalanced   the books are not what was executed
    """


class Lost(Found):
    pass


class Doubled(Found):
    pass


class Divergent(Found):
    pass


class Unbalanced(Found):
    pass


def hold(holds: bool, otherwise: type[Found], what: str) -> None:
    """Raise what was found unless it holds."""
    if not holds:
        raise otherwise(what)
