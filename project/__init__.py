"""The hosted site: one way to run chatapp, configured by the environment. chatapp does not know it."""
