"""What surrounds the functions: event sources, the local enterprise, and the command line."""
