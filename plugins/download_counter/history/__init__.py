"""What is known of downloads beyond the logs that are still there."""
