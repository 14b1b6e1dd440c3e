"""What records mean: pure folds, the same whatever order the records came in."""
