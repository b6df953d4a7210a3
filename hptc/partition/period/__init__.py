"""Steps that overlap: steady states of least period."""
