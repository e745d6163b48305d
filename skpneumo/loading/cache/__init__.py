"""Decoded images that are saved: in memory, or in a folder that processes share."""
