"""How far a launch has come: on the terminal, in a file, for another terminal."""
