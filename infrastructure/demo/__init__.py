"""`make demo`: a day at an enterprise of its own, told step by step, failures included."""
