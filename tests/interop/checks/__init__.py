"""What the suite checks: a module for each part of the story."""
