"""Results: which fields an analysis writes, and writing them, all or nothing."""
