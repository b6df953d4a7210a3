"""hptc inside other compilers: torch.fx and torch.compile."""
