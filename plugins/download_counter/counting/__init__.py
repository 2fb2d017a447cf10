"""The counting rule, and the work of counting many logs."""
