"""Everything that reads from and writes to AnnData and MuData."""
