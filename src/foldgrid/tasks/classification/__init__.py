"""Tasks on labels: classes, two classes, a hierarchy."""
