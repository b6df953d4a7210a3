"""Memory of devices: what it holds when, and tasks that run again where it is short."""
