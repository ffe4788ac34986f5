"""A provider that fails in every known way, and the list of these ways with what must come of each."""
