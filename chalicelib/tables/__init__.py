"""Where records are kept: DynamoDB, and memory. A record is inserted and read, nothing else (T11)."""
