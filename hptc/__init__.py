"""hptc: a compiler-style graph partitioner for training on hybrid hardware."""

__version__ = "0.1.0"
