"""The edge: routes and event functions. Only here is Chalice known."""
