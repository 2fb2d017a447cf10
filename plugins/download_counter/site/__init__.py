"""All that knows Pelican."""
