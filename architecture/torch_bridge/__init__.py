"""The two doors to torch: `build` (architecture → `nn.Module`) and `trace` (`nn.Module` → architecture)."""
