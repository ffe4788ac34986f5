"""An app of the sites that browsers visit in tests: an assistant that does what the test says."""
