"""The customer side: takes orders, answers inquiries, and never calls another utility to do it."""
