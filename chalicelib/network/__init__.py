"""Between utilities: copies of records, and messages that wait for a peer to return."""
