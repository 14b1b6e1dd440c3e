"""What the enterprise costs: ratios to what it is built on, counts, and how they grow."""
