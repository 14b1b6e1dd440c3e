"""The enterprise on AWS: a template, policies and a package for each utility, all computed from its file."""
