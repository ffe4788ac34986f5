"""What a payload does when it works, so that a browser can be asked whether one has."""

RUN = "window.pwned=1"
CANARY = "https://canary.example/x"
