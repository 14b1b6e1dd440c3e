"""The street side: claims orders, executes them on the markets, and reports what it did."""
