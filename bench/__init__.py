"""What every number in the README is made with: ``python -m bench``."""
