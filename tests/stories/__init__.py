"""Whole stories against real processes: servers, databases, and a provider that does as it is told."""
