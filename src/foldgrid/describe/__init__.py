"""Networks in words and tables: layers, volumes, parameters, multiply-adds."""
