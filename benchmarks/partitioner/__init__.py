"""Quality and speed of the partitioner beside its peers."""
