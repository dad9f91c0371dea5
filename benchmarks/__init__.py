"""How fast the server is and what it survives, measured on this machine: see README.md."""
