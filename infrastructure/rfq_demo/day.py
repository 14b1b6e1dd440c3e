"""The scenes of a day of dealing, in their order: for processes as for an enterprise that is deployed."""

from ..demo.stage import Stage
from ..demo.story import Story
from . import duplicates, failures, orders, rest, rush, scenes

_SCENES = (
    scenes.opening,
    scenes.first_deal,
    scenes.no_deal,
    scenes.time_outs,
    duplicates.denied,
    duplicates.crossed,
    scenes.panels,
    scenes.one_terminal,
    scenes.broker,
    scenes.other_subjects,
    scenes.repeats,
    scenes.latencies,
    orders.play,
    failures.city_killed,
    failures.own_city_killed,
    failures.bank_killed_before_accept,
    failures.bank_killed_after_deal,
    failures.caller_killed_before_accept_is_sent,
    rush.play,
    rest.play,
)


def play(stage: Stage, story: Story) -> None:
    """Play the whole day; every scene begins at rest."""
    for scene in _SCENES:
        rest.come_to_rest(stage)
        scene(stage, story)
