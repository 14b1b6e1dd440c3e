"""The scenes of the day, in their order: for an enterprise of processes as for one that is deployed."""

from . import audit, failures, lives, scenes

SCENES = (
    scenes.first_order,
    scenes.fifty_orders,
    scenes.holdings,
    scenes.cancels,
    lives.changes,
    lives.venues_own_words,
    lives.by_money,
    scenes.estimates,
    scenes.filled_and_canceled,
    scenes.repeated_cl_ord_id,
    failures.customer_utility_killed,
    failures.street_utility_killed_before_claim,
    failures.street_utility_killed_after_claim,
    failures.firm_killed,
    scenes.many_orders,
    audit.play,
)
