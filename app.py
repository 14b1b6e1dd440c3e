"""The function package: one utility of an enterprise, told which by its environment."""

from chalice.app import Chalice

from chalicelib import bootstrap
from chalicelib.enterprise import Side
from chalicelib.entry import common, customer, streams

app = Chalice(app_name="threeside")
app.register_blueprint(common.blueprint)
app.register_blueprint(streams.streams)

_side = bootstrap.here().utility.side
if _side is Side.CUSTOMER:
    app.register_blueprint(customer.blueprint)
if _side is Side.STREET:
    app.register_blueprint(streams.market)
if _side is not Side.FIRM:
    app.register_blueprint(streams.timers)
