"""What an analysis will need: memory, time and fields, before anything is computed."""
