"""The firm side: keeps the books."""
