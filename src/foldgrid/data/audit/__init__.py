"""What is in somebody's photographs, and what is wrong with them."""
