"""Dealing: conversations between banks by request for quote, and never two at once on one subject."""
