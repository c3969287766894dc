"""What was run: records in uns, the fields they wrote, and what can be built from them again."""
