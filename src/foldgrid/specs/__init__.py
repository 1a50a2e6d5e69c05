"""The words of the project and how to read them. Knows neither torch nor ray nor run folders."""
