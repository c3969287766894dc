"""Statistics on posteriors: arrays in, arrays out."""
