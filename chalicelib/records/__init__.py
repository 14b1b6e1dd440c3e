"""What is written: records, messages included. Each is whole, and none is ever changed."""
