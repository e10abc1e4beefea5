"""The parts of check_docs.py."""
