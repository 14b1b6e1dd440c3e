"""What every function package has in it: the three sides, what they say to each other, and the edge."""

import gc
import os

# What a function imports is here to stay: looking for garbage in it meanwhile takes a tenth of a cold start.
# From its first call on it is looked for again, in what has come since: `entry.watching.use_case`.
if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    gc.disable()
