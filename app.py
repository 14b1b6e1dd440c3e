"""The function package: one utility of an enterprise, told which by its environment."""

from chalice.app import Chalice

from chalicelib import bootstrap
from chalicelib.enterprise import Side
from chalicelib.entry import common, description, page, streams

app = Chalice(app_name="threeside", configure_logs=False)
app.register_blueprint(common.blueprint)
app.register_blueprint(description.blueprint)
app.register_blueprint(page.blueprint)
app.register_blueprint(streams.streams)

# What another side has is not even imported: a function starts the sooner.
_utility = bootstrap.here().utility
_side = _utility.side
if _side is Side.CUSTOMER:
    from chalicelib.entry import customer

    app.register_blueprint(customer.blueprint)
if _utility.deals:
    from chalicelib.entry import dealing

    app.register_blueprint(dealing.blueprint)
if _side in (Side.STREET, Side.NETWORK):
    app.register_blueprint(streams.market)
if _side in (Side.CUSTOMER, Side.STREET):
    app.register_blueprint(streams.timers)
