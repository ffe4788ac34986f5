"""Files that people send along: which kinds there are, what is in them, and what a model gets of them.

Knows nothing of rows, requests and pages: it is given bytes and names.
"""
