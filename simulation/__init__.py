"""The enterprise in one process: the real use cases on a virtual clock, and whatever can go wrong."""
