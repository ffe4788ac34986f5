"""The page in a real Chromium, served by a real process of the hosted site."""
